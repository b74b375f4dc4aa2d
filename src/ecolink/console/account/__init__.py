"""我的账号: who one is here, what one signs in with, and where one is signed in."""
