"""The signatures that ``cli`` calls. (Skeleton: each will become a module of this package.)

    workflow/lock.py       lock(context, *, check, upgrade, upgrade_packages) -> Locked
    workflow/plan.py       make_plan(context, options: PlanOptions) -> Plan
    workflow/apply.py      apply(context, options: PlanOptions, *, confirm: Callable[[Plan], bool],
                                 lock_timeout: float) -> Report
                           apply_saved(context, path: str, *, lock_timeout: float) -> Report
    workflow/status.py     status(context, *, verify: str) -> Status
    workflow/history.py    history(context) -> tuple[Generation, ...]
    workflow/rollback.py   rollback(context, number: int | None, *, lock_timeout: float) -> RolledBack
    workflow/destroy.py    destroy(context, *, confirm: Callable[[str], bool], lock_timeout: float) -> str
    workflow/init.py       init(context) -> tuple[str, ...]                     # paths written
    workflow/run.py        prepare_run(context, command: tuple[str, ...]) -> Launch  # argv, environ, remark
    workflow/list.py       list_installed(context) -> tuple[Listed, ...]
    workflow/cache.py      cache_info(context) -> CacheInfo ; purge(context) -> int   # bytes freed
    workflow/environments.py  environment_names(context) -> tuple[str, ...]  # the manifest's order, for --all
"""
