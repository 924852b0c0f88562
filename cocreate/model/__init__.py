"""What has learned: the only home of torch, transformers and miditok."""
