"""The console: what a person at a bureau sees, as pages made by this node and by nothing else.

A page speaks to the same services as the API, in the same unit of work, under the same permissions; it holds no rule of
its own. It is a plain function of `pages.py` in its subject's folder, with templates of the same name.

- `recognition`: who holds the browser. A cookie stands where the API has a token, and every change shows a second one.
- `route`: a page's route. What goes wrong is answered as a page, or laid at the field it is about.
- `page`: how a page answers: show a template, or go on to another page with a word about what was done.
- `form`: what was typed, read into the API's own models. An input's name is the JSON pointer of what it fills.
- `language`: Chinese first, English one click away; catalogues in `locale/`.
- `live`: what changed, told to every open page within two seconds.
"""
