"""The sidecar itself: its health for probes and Prometheus, its control socket for commands."""
