"""The one colour of the skin, from light to dark, as the style sheets want it."""

PRIMARY_COLOUR = {
    "50": "oklch(97% .014 254.6)",
    "100": "oklch(93.2% .032 255.6)",
    "200": "oklch(88.2% .059 254.1)",
    "300": "oklch(80.9% .105 251.8)",
    "400": "oklch(70.7% .165 254.6)",
    "500": "oklch(62.3% .214 259.8)",
    "600": "oklch(50% .19 262)",
    "700": "oklch(45% .18 264)",
    "800": "oklch(39% .15 265)",
    "900": "oklch(34% .12 265.5)",
    "950": "oklch(28% .09 267.9)",
}
