"""The quarterly exchange (季度通报交流): each party's package, read and fed back by the others, signed off by all.

`rules` says purely what an exchange is and how it stands; `compiling` draws up our package by itself from what the
other rooms count; `arrivals` applies what bureaus say; `service` is what officers do; `letter` prints a package.
"""
