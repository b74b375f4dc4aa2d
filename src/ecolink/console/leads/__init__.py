"""线索协查: what we ask of other bureaus and they of us, from the first draft to the last word.

- `lists`: finding leads; everything that was looked for stands in the address.
- `compose`: a request, from the draft that saves itself to the approver's decision.
- `pages`: one lead, and the parts of it that are asked for anew while it is open.
- `actions`: which moves there are for people, and who may make them; `moves` serves them.
- `letters`: the request and its reply as official letters.
- `words`: what people call the codes.
"""
