"""Words for the company. Plain ones, and the ones that break naive templates, parsers and encodings."""

TEAMS = ["Support", "Sales", "Équipe produit"]

# name, team (index or None: the company's own), channel type, holds conversations
INBOXES: list[tuple[str, int | None, str, bool]] = [
    ("Support", 0, "smtp", True),
    ("Billing", 0, "gmail", True),
    ("Returns ✈️", 0, "office365", True),
    ("Sales EMEA", 1, "gmail", True),
    ("Text us", 1, "twilio", True),
    ("Feedback", 2, "smtp", True),
    ("الدعم الفني", 2, "form", True),
    ("Press", 2, "smtp", False),
    ("Company", None, "custom", True),
    ("Archive 2019", None, "imap", False),
]

# username, first name, last name, teams
TEAMMATES: list[tuple[str, str, str, list[int]]] = [
    ("ada", "Ada", "Lovelace", [0, 1, 2]),
    ("grace", "Grace", "Hopper", [0]),
    ("jose", "José", "Núñez", [0, 1]),
    ("yuki", "由紀", "田中", [1]),
    ("noor", "نور", "حداد", [2]),
    ("oleg", "Oleg", "O'Neil", [0, 2]),
    ("zoe", "Zoë", '"Zo" Quinn', [1]),
    ("max", "Max", "{{ braces }}", [2]),
    ("none", "None", "Null", []),
]

PEOPLE = [
    "Maria Rossi", "Søren Kierkegaard", "None", "[1, 2]", "'quoted'", "{{ braces }}", "Wei Chen 🚀", "دانا كريم",
    "Åsa Öberg", "true", "O'Brien, Pat", "1234", "Lucía Peña", "Jean-Luc <jl@example.org>", "李小龍",
]  # fmt: skip

SUBJECTS = [
    "Order has not arrived", "Invoice 2024-001", "Re: Re: Fwd: [EXT] hello", "Can't log in 😡", "None", "{'a': 1}",
    "Refund, please", "{{ config['api_token'] }}", "طلب استرداد", "[]", "Question \"about\" quotes\nand lines", "",
    "Upgrade to Pro", "您好", "Null", "3.14",
]  # fmt: skip

SENTENCES = [
    "Thank you for the quick answer.", "The parcel is still missing.", "Could you check order #4711?",
    "¿Dónde está mi pedido?", "We will look into it today.", "أين طلبي؟", "It works now, great! 🎉",
    "Please see {{ record.id }} attached.", "Line one\r\nline two\ttabbed", "<b>Bold</b> & 'quoted' \\ slashed",
]  # fmt: skip

TOPICS = ["refund", "bug", "billing", "shipping", "feature request", "شكوى", "VIP ⭐", "None", "'quoted'", "{{ tag }}"]
HIGHLIGHTS = ["blue", "red", None, "🔥", "green"]
ACTIONS = [
    "Assign to Ada Lovelace", "Add tag billing", "Archive", "Move to Billing", "Reply with template “Hello”",
    "Add comment: {{ nothing }}", "Snooze for 3 days",
]  # fmt: skip
FILES = [
    ("invoice.pdf", "application/pdf"), ("Screenshot 1.png", "image/png"), ("../../etc/passwd", "text/plain"),
    ("ملف.docx", "application/msword"), ("a\"b'c.txt", "text/plain; charset=utf-8"),
]  # fmt: skip
CUSTOM_FIELDS: list[dict[str, object]] = [
    {},
    {"Plan": "Pro", "is_vip": True, "renewal_date": 1525417200},
    {"a.dotted.name": "x", 'a "quoted" name': "y", "größe ✨": 12.5, "اسم": None},
    {"Plan": "None", "42": "[1, 2]", "owner": "ada@acme.example", "": "empty name"},
]
