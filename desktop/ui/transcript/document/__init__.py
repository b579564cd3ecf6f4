"""From blocks to a QTextDocument: styles, code, tables, formulas."""
