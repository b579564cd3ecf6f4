"""What every report is drawn with: one page style, one way to draw curves."""
