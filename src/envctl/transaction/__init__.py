"""From a plan to a changed environment: stage, verify, switch, recover, generations."""
