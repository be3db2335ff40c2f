"""Passwords with characters that are reserved in a URL, and how to find a part of one in a text."""

from __future__ import annotations

#: A part of these would be taken for the host, the database or an option.
AMBIGUOUS = [
    "Zq7@Xv9",
    "Zq7@Xv9@Jw4",
    "@Zq7Xv9",
    "Zq7Xv9@",
    "Zq7:Xv9@Jw4",
    "Zq7@Xv9:1234",
    "Zq7@Xv9/Jw4",
    "Zq7/Xv9@Jw4",
    "Zq7@Xv9?Jw4",
    "Zq7?Xv9@Jw4",
    "Zq7@Xv9#Jw4",
    "Zq7#Xv9@Jw4",
    "Zq7@[Xv9]Jw4",
    "Zq7 Xv9@Jw4",
    "Zq7%Xv9@Jw4",
]
#: The one @ of their addresses ends these.
CLEAR = [
    "Zq7:Xv9",
    "Zq7/Xv9",
    "Zq7//Xv9",
    "Zq7#Xv9",
    "Zq7?Xv9",
    "Zq7%Xv9",
    "Zq7%%Xv9",
    "Zq7 Xv9",
    "Zq7[Xv9]",
    "Zq7\\Xv9",
    "Zq7&Xv9=Jw4",
    "Zq7+Xv9",
]


def shows_part_of(password: str, text: str) -> bool:
    """Whether any three letters of the password in a row are in the text."""
    return any(password[i : i + 3] in text for i in range(len(password) - 2))
