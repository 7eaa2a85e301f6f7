import os
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db import connection

url = urlsplit(os.environ["DATABASE_URL"])
database = {"ENGINE": "django.db.backends.postgresql", "NAME": url.path[1:], "USER": unquote(url.username or ""),
            "HOST": url.hostname, "PORT": url.port, "PASSWORD": unquote(url.password or "")}
settings.configure(DATABASES={"default": database})


def test_loop():
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM authors ORDER BY id")
        for (author_id,) in cursor.fetchall():
            cursor.execute("SELECT title FROM in_call WHERE author_id = %s", [author_id])  # here
