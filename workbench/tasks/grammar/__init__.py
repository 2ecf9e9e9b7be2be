"""The grammar: sentences of real languages with exact translations, without end."""
