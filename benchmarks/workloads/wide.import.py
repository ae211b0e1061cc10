import fastapi, uvicorn, pydantic_settings, sqlalchemy.ext.asyncio, alembic.command, psycopg, asyncpg, redis, celery
import boto3, httpx, jinja2, orjson, structlog, sentry_sdk, jose, tenacity, typer, prometheus_client, stripe
import pandas, sklearn.ensemble, matplotlib.pyplot, scipy.stats, seaborn, plotly.graph_objects, bokeh.plotting, polars
import pyarrow, duckdb, statsmodels.api, networkx, sympy, dask.dataframe, nltk, jupyterlab.labapp, notebook.app, ipywidgets
