#!/usr/bin/env python3
"""Fills an empty PostgreSQL database of a server with people and works, as COPY would.

    oto-backend migrate                       # with OTO_DATABASE_URL
    python3 seed.py postgres://… --people 100000 --works 10

Places follow the same spirals as the server (backend/src/wall/plots.rs); sums of far cells are made
by the same rules as backend/src/wall/sums.rs. Text works only: media are not what is measured.
"""
import argparse
import io
import math
import subprocess
import sys
import uuid

PLOT, CELL = 8192.0, 240.0


def spiral(n):
    if n <= 0:
        return 0, 0
    ring = (math.isqrt(n) + 1) // 2
    while (2 * ring - 1) ** 2 > n:
        ring -= 1
    while (2 * ring + 1) ** 2 <= n:
        ring += 1
    along = n - (2 * ring - 1) ** 2
    side = 2 * ring
    turn = along // side
    if turn == 0:
        return ring, along - ring + 1
    if turn == 1:
        return ring - 1 - (along - side), ring
    if turn == 2:
        return -ring, ring - 1 - (along - 2 * side)
    return along - 3 * side - ring + 1, -ring


def copy(url, table, columns, rows):
    """Streams rows into a table."""
    command = ["psql", url, "-v", "ON_ERROR_STOP=1", "-qc", f"COPY {table} ({','.join(columns)}) FROM STDIN"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as psql:
        for row in rows:
            psql.stdin.write("\t".join(map(str, row)) + "\n")
        psql.stdin.close()
        if psql.wait() != 0:
            sys.exit(f"{table} could not be filled")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--works", type=int, default=10, help="of each person")
    a = parser.parse_args()
    ids = [str(uuid.UUID(int=(7 << 76) | (2 << 62) | (i + 1) << 80 | i)) for i in range(a.people)]
    at = 1_790_000_000_000
    copy(a.url, "account",
         ["id", "handle", "name", "email", "password", "plot", "works", "created_at_ms"],
         ((ids[i], f"person_{i}", f"Person {i}", f"p{i}@example.org", "none", i, a.works, at) for i in range(a.people)))
    copy(a.url, "plot", ["n", "px", "py", "account", "taken"],
         ((i, *spiral(i), ids[i], a.works) for i in range(a.people)))
    offsets = [spiral(c) for c in range(a.works)]

    def works():
        for i in range(a.people):
            px, py = spiral(i)
            for c, (cx, cy) in enumerate(offsets):
                n = i * a.works + c
                x = px * PLOT + PLOT / 2 + (cx - 0.5) * CELL
                y = py * PLOT + PLOT / 2 + (cy - 0.5) * CELL
                yield (uuid.UUID(int=(1 << 124) | n), ids[i], "seed", "text", f"Work {n} of person {i}",
                       "The tram was empty but for the rain, and the rain had no ticket either.", "public",
                       "shown", "CC-BY-4.0", 1, 1, 0, 0, "{}", "[]", f"{n:032x}", 1, i, c, px, py, x, y,
                       16_626_608, at / 45_000_000.0 + (n % 97) / 97, at, at + n)

    copy(a.url, "work",
         ["id", "author", "fingerprint", "kind", "title", "text", "visibility", "state", "licence", "may_reuse",
          "may_comment", "shows_recipe", "shows_sources", "recipe", "sources", "slug", "on_wall", "plot", "cell",
          "px", "py", "x", "y", "rgb", "hot", "created_at_ms", "published_at_ms"], works())
    sums = {}
    for i in range(a.people):
        px, py = spiral(i)
        for z in range(7, 21):
            key = (z, px >> (z - 7), py >> (z - 7))
            sums[key] = sums.get(key, 0) + a.works
    copy(a.url, "cell_sum",
         ["z", "cx", "cy", "count", "texts", "images", "voices", "videos", "r", "g", "b", "best_hot"],
         ((*k, n, n, 0, 0, 0, 253 * n, 243 * n, 176 * n, 0) for k, n in sums.items()))
    out = subprocess.run(["psql", a.url, "-v", "ON_ERROR_STOP=1", "-q"], text=True, input=f"""
        UPDATE counter SET value = {a.people} WHERE name = 'plot';
        INSERT INTO work_words (work, words) SELECT w.id, to_tsvector('simple', w.title || ' ' || w.text) FROM work w;
        INSERT INTO account_words (account, words) SELECT id, to_tsvector('simple', handle || ' ' || name) FROM account;
        INSERT INTO ledger_account (id, balance, floor) SELECT 'available:' || id, 0, 0 FROM account;
        INSERT INTO ledger_account (id, balance, floor) SELECT 'held:' || id, 0, 0 FROM account;
        INSERT INTO ledger_account (id, balance) SELECT 'debt:' || id, 0 FROM account;
        ANALYZE;""")
    sys.exit(out.returncode)


if __name__ == "__main__":
    main()
