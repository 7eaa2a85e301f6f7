import os

from sqlalchemy import create_engine, make_url, text


def test_loop():
    engine = create_engine(make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg2"))
    with engine.connect() as connection:
        for author_id in connection.execute(text("SELECT id FROM authors ORDER BY id")).scalars().all():
            connection.execute(text("SELECT title FROM in_call WHERE author_id = :id"), {"id": author_id})  # here
