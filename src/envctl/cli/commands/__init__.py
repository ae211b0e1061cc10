"""One module per command, each with ``configure`` and ``run``, loaded when it is named."""
