"""The stages of training, one file each: next-token (pretraining and SFT), vocabulary, reward model, DPO."""
