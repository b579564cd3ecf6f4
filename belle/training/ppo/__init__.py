"""Proximal policy optimization: rollouts, rewards, advantages, losses."""
