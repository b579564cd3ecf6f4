"""From content to a text document: styles, code, tables, formulas."""
