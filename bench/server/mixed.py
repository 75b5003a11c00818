#!/usr/bin/env python3
"""Mixed requests at a fixed rate: walkers, readers, people who like, comment, publish and make things.

    pip install aiohttp
    python3 mixed.py http://127.0.0.1:7420 --rate 300 --seconds 300 [--sign-ins 4]

Prints one JSON line: for each kind of request its number, errors and times. `--sign-ins N` keeps N
sign-ins going beside, as fast as they are answered.
"""
import argparse
import asyncio
import json
import random
import time
import uuid

import aiohttp

PASSWORD = "four quiet paper boats"


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("--rate", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--sign-ins", type=int, default=0)
    parser.add_argument("--only", choices=["publish", "tile"], help="only this kind")
    a = parser.parse_args()
    api = a.base + "/api/v1"
    took, errors, examples = {}, {}, {}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=400)) as http:
        people, run = [], uuid.uuid4().hex[:8]
        for i in range(a.people):
            body = {"email": f"load{i}_{run}@example.org", "password": PASSWORD, "handle": f"load_{i}_{run}"[:30], "name": f"Load {i}"}
            async with http.post(api + "/auth/register", json=body) as r:
                assert r.status == 201, await r.text()
                people.append({"Authorization": "Bearer " + (await r.json())["access_token"]})
        works = []

        async def call(kind, method, path, who=None, **more):
            begun = time.perf_counter()
            headers = dict(who or {}, **more.pop("headers", {}))
            try:
                async with http.request(method, api + path, headers=headers, **more) as r:
                    body = await r.read()
                    ok = r.status < 400
                    if not ok:
                        examples.setdefault(kind, f"{r.status} {body[:160]!r}")
            except (aiohttp.ClientError, asyncio.TimeoutError) as e:
                ok, body = False, b""
                examples.setdefault(kind, repr(e))
            took.setdefault(kind, []).append((time.perf_counter() - begun) * 1000)
            if not ok:
                errors[kind] = errors.get(kind, 0) + 1
            return json.loads(body) if ok and body[:1] in b"{[" else {}

        async def one():
            who, dice = random.choice(people), random.random()
            if a.only == "publish":
                dice = 0.90
            elif a.only == "tile":
                dice = 0.0
            if dice < 0.55:
                x, y = random.randint(-400, 400), random.randint(-400, 400)
                await call("tile", "GET", f"/shared/tiles/{random.choice([0, 0, 0, 1, 2, 4, 8])}/{x}/{y}")
            elif dice < 0.68:
                await call("list", "GET", "/works?limit=20&sort=" + random.choice(["hot", "new", "top"]))
            elif dice < 0.74:
                await call("search", "GET", f"/works?limit=10&q=work%20{random.randint(0, 999999)}")
            elif dice < 0.82 and works:
                await call("work", "GET", "/works/" + random.choice(works), who)
            elif dice < 0.88 and works:
                await call("like", random.choice(["PUT", "DELETE"]), f"/works/{random.choice(works)}/like", who)
            elif dice < 0.93:
                work = {"id": str(uuid.uuid4()), "kind": "text", "title": "Under load", "text": "It was empty.", "visibility": "public"}
                made = await call("publish", "POST", "/works", who, json=work)
                if made and len(works) < 5000:
                    works.append(made["id"])
            elif dice < 0.96 and works:
                await call("comment", "POST", f"/works/{random.choice(works)}/comments", who, json={"text": "fine"})
            elif dice < 0.98:
                await call("wallet", "GET", "/wallet", who)
            else:
                await call("notifications", "GET", "/notifications", who)

        stop = asyncio.Event()

        async def sign_in():
            while not stop.is_set():
                body = {"email": f"load{random.randrange(a.people)}_{run}@example.org", "password": PASSWORD}
                await call("sign-in", "POST", "/auth/login", json=body)

        beside = [asyncio.create_task(sign_in()) for _ in range(a.sign_ins)]
        begun, tasks = time.perf_counter(), set()
        for i in range(a.rate * a.seconds):
            wait = begun + i / a.rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(one())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        stop.set()
        await asyncio.gather(*beside)
        seconds = time.perf_counter() - begun
    out = {"rate": round(sum(map(len, took.values())) / seconds, 1), "seconds": round(seconds, 1), "errors": errors, "examples": examples}
    for kind, ms in sorted(took.items()):
        ms.sort()
        out[kind] = {"n": len(ms), "p50": round(ms[len(ms) // 2], 1), "p99": round(ms[int(len(ms) * 0.99)], 1), "max": round(ms[-1], 1)}
    print(json.dumps(out))


asyncio.run(main())
