"""One function per use case; the only place that knows the concrete adapters."""
