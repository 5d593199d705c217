"""What runs stages: one runner, one driver of jobs, plans and measured rates."""
