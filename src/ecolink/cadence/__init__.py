"""What bureaus promised each other and when it is due: pure functions of what they signed, and of the time.

`terms_file` reads an agreement as somebody wrote it, `scrutiny` says what is wrong with it. `cosigning` tells who has
signed; `agreements` what is in force, `obligations` what that obliges to and when (`rules` name the due days,
`calendars` tell which days are worked), `standing` how it stands by what was signed since, and `steps` what is to be
said of it now. `deadlines` holds the terms of answer for leads and emergencies. Every party comes to the same.
"""
