"""Row-streaming execution: consecutive layers run a few rows at a time through small buffers."""
