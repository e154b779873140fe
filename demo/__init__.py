"""Drawing batches of people who do not exist, with the truth about every face."""
