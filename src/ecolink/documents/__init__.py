"""Documents for people: what a bureau prints, signs off and files, in Chinese.

A document is data (`document`), told nothing of where it is shown. `screen` makes one HTML file of it that asks no
network for anything, `paper` a PDF on A4 laid out like an official letter (GB/T 9704-2012). Figures are drawn once
(`figures`) and put into both. `lettering` knows which characters can be printed and what becomes of the others.

`paper` is slow to import: import it where a PDF is made, not at the top of a module the node starts with.
"""
