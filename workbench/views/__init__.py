"""Tables to pictures: Plotly figures, one theme, the HTML report. Never sees a model."""
