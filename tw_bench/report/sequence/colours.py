"""The colours of a sequence diagram: those of the other pictures, on a light and a dark page."""

from tw_bench.report.figures import style
from tw_bench.report.figures.palette import properties, reference

INK, MUTED, FAINT, CARD, GRID = map(
    reference, (style.INK, style.MUTED, style.FAINT, style.CARD, style.GRID)
)
WRONG = reference(style.as_text(style.VERMILLION))  # RST, and what is lost
MADE = reference(style.as_text(style.PURPLE))  # segments that the wire made, or kept back

# Of several connections, each arrow has the colour of its own.
CONNECTIONS = (
    INK,
    *map(reference, (style.BLUE, style.as_text(style.GREEN), style.as_text(style.ORANGE))),
    reference(style.as_text(style.SKY)),
)
_SANS = 'system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif'
_MONO = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace'


def sheet() -> str:
    """Return the style sheet, which touches nothing but the diagram."""
    rules = {
        "text": f"font-family:{_SANS};fill:{INK};font-size:12px;white-space:pre",
        ".title": "font-size:17px;font-weight:700",
        ".claim": f"fill:{MUTED};font-size:12.5px",
        ".foot,.time": f"fill:{MUTED};font-size:10.5px",
        ".time": "font-variant-numeric:tabular-nums",
        ".head": "font-size:13px;font-weight:700",
        ".state": "font-size:11px;font-weight:600",
        ".call": f"font-family:{_MONO};font-size:11px",
        ".says": f"fill:{MUTED};font-size:11.5px;font-style:italic",
        ".wrong": f"fill:{WRONG};font-size:11.5px;font-weight:600",
        ".wait": f"fill:{MUTED};font-size:11.5px",
        ".label": f"stroke:{CARD};stroke-width:3.5px;stroke-linejoin:round;paint-order:stroke",
        ".line": "fill:none;stroke-width:1.3px",
        ".life": f"stroke:{MUTED};stroke-width:1px",
        ".kept": "stroke-dasharray:5 4",
        ".waits": "stroke-dasharray:1.5 4",
        ".card": f"fill:{CARD}",
    }
    own = "".join(
        f"{','.join(f'.tw-sequence {one}' for one in name.split(','))}{{{body}}}"
        for name, body in rules.items()
    )
    dark = properties(dark=True)
    return f"{own}@media (prefers-color-scheme:dark){{.tw-sequence{{{dark}}}}}"
