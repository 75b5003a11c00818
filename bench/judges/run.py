"""Lets the providers' own clients loose on oTo's fakes and signatures; see README.md."""

import base64
import datetime
import importlib.metadata
import json
import logging
import os
import pathlib
import platform
import subprocess
import sys
import time
import urllib.request
import warnings

EXAMPLES = pathlib.Path(os.environ["OTO_EXAMPLES"])
rows = []


def judge(who, what):
    """Runs a check; what it raises is its verdict."""

    def decorate(check):
        try:
            rows.append((who, what, True, check() or ""))
        except Exception as error:  # noqa: BLE001, any of them is a verdict
            told = f"{type(error).__name__}: {error}".replace("\n", " ")
            rows.append((who, what, False, told[:300]))

    return decorate


def same(found, wanted):
    assert found == wanted, f"{found!r} is not {wanted!r}"


def strict(answer):
    """The client reads anything; its own model does not."""
    type(answer).model_validate(answer.to_dict(), strict=False)
    return answer


# ---- the fakes ---------------------------------------------------------------------------------

fake = subprocess.Popen(
    [EXAMPLES / "fake_provider"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
)
where = json.loads(fake.stdout.readline())
KEY = where["key"]
PNG, WAV, MP4 = (bytes(where[name]) for name in ("png", "wav", "mp4"))
# Read when the module is loaded.
os.environ["RUNPOD_ENDPOINT_BASE_URL"] = where["runpod"]

import openai  # noqa: E402
import replicate  # noqa: E402
import replicate.exceptions  # noqa: E402
import replicate.webhook  # noqa: E402
import runpod  # noqa: E402
import standardwebhooks  # noqa: E402
import stripe  # noqa: E402

# `runpod` turns the logs of everybody on; and OpenAI ended its films in September 2026, whose shape
# other servers keep.
logging.disable(logging.INFO)
warnings.filterwarnings("ignore", "The Sora API", DeprecationWarning)


def fetched(url):
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(asked) as answer:
        return answer.read()


def refused(call, kind, word):
    try:
        call()
    except kind as error:
        assert word in f"{error} {getattr(error, 'code', '')}", str(error)
        return
    raise AssertionError("a wrong key was accepted")


ai = openai.OpenAI(api_key=KEY, base_url=where["openai"], max_retries=0)
ASKS = [{"role": "user", "content": "a tram in the rain"}]


@judge("openai", "models.list")
def _():
    same([strict(m).id for m in ai.models.list()], ["m1", "m2"])


@judge("openai", "chat.completions.create")
def _():
    answer = strict(ai.chat.completions.create(model="m1", messages=ASKS))
    same(answer.choices[0].message.content, "The tram climbs.")
    same(answer.usage.total_tokens, 9)


@judge("openai", "chat.completions.create, stream")
def _():
    chunks = ai.chat.completions.create(
        model="m1", messages=ASKS, stream=True, stream_options={"include_usage": True}
    )
    chunks = [strict(chunk) for chunk in chunks]
    same("".join(c.choices[0].delta.content for c in chunks if c.choices), "The tram climbs.")
    same((chunks[-1].choices, chunks[-1].usage.total_tokens), ([], 9))
    same([c.choices[0].finish_reason for c in chunks if c.choices], [None, None, "stop"])


@judge("openai", "chat.completions.stream (accumulated)")
def _():
    with ai.chat.completions.stream(model="m1", messages=ASKS) as stream:
        for _event in stream:
            pass
        same(stream.get_final_completion().choices[0].message.content, "The tram climbs.")


@judge("openai", "images.generate")
def _():
    answer = strict(ai.images.generate(model="m1", prompt="a tram", n=1, size="1024x1024"))
    same(fetched(answer.data[0].url), PNG)


@judge("openai", "images.edit")
def _():
    answer = strict(ai.images.edit(model="m1", prompt="in ink", image=("a.png", PNG, "image/png")))
    same(fetched(answer.data[0].url), PNG)


@judge("openai", "audio.speech.create")
def _():
    voice = ai.audio.speech.create(
        model="tts-1", voice="alloy", input="The tram climbs.", response_format="wav"
    )
    same(voice.read(), WAV)


@judge("openai", "videos.create, retrieve, download_content")
def _():
    made = strict(ai.videos.create(model="sora-2", prompt="a tram", seconds="4"))
    stood = [made.status]
    while stood[-1] != "completed":
        assert len(stood) < 9, stood
        stood.append(strict(ai.videos.retrieve(made.id)).status)
    same(stood, ["queued", "queued", "in_progress", "completed"])
    same(ai.videos.download_content(made.id).read(), MP4)


@judge("openai", "videos.create_and_poll")
def _():
    made = ai.videos.create_and_poll(model="sora-2", prompt="a tram", poll_interval_ms=1)
    same((made.status, made.progress), ("completed", 100))


@judge("openai", "videos.create with a picture")
def _():
    # The client sends a form with a file; oTo the JSON form, which the client's types know.
    strict(ai.videos.create(model="sora-2", prompt="a tram", input_reference=("a.png", PNG, "image/png")))
    from openai.types.image_input_reference_param import ImageInputReferenceParam as Reference

    assert "image_url" in Reference.__annotations__


@judge("openai", "videos.delete")
def _():
    same(strict(ai.videos.delete("v1")).deleted, True)


@judge("openai", "a wrong key")
def _():
    other = openai.OpenAI(api_key="another", base_url=where["openai"], max_retries=0)
    refused(lambda: other.models.list(), openai.AuthenticationError, "invalid_api_key")


account = replicate.Client(api_token=KEY, base_url=where["replicate"])
account.poll_interval = 0.01


@judge("replicate", "models.predictions.create, get, wait")
def _():
    made = account.models.predictions.create(model="o/m", input={"prompt": "a tram", "seed": 5})
    same((made.id, made.status, made.input["seed"]), ("p1", "starting", 5))
    same(account.predictions.get(made.id).status, "starting")
    made.reload()
    same((made.status, made.progress.percentage), ("processing", 0.42))
    made.wait()
    same((made.status, fetched(made.output[0])), ("succeeded", PNG))
    same(sorted(made.urls), ["cancel", "get"])


@judge("replicate", "run")
def _():
    # Only https addresses become files to read.
    (made,) = account.run("o/m", input={"prompt": "a tram"}, wait=False)
    same(fetched(made), PNG)


@judge("replicate", "predictions.cancel")
def _():
    made = account.models.predictions.create(model="o/m", input={"prompt": "a tram"})
    same(account.predictions.cancel(made.id).status, "canceled")
    made.reload()
    same(made.status, "canceled")


@judge("replicate", "accounts.current")
def _():
    same(account.accounts.current().username, "ada")


@judge("replicate", "a wrong key")
def _():
    other = replicate.Client(api_token="another", base_url=where["replicate"])
    refused(
        lambda: other.predictions.get("p1"), replicate.exceptions.ReplicateError, "authentication token"
    )


endpoint = runpod.Endpoint("ep1", api_key=KEY)


@judge("runpod", "Endpoint.run, status, output")
def _():
    job = endpoint.run({"prompt": "a tram", "seed": 5})
    stood = []
    while not stood or stood[-1] not in ("COMPLETED", "FAILED"):
        assert len(stood) < 9, stood
        stood.append(job.status())
    same(stood, ["IN_QUEUE", "IN_PROGRESS", "RUNNING", "COMPLETED"])
    same(fetched(job.output()["image_url"]), PNG)


@judge("runpod", "Job.cancel")
def _():
    job = endpoint.run({"input": {"prompt": "a tram"}})
    same(job.cancel()["status"], "CANCELLED")
    same(job.status(), "CANCELLED")


@judge("runpod", "Endpoint.health")
def _():
    same(endpoint.health()["workers"]["idle"], 1)


@judge("runpod", "a wrong key")
def _():
    other = runpod.Endpoint("ep1", api_key="another")
    refused(other.health, RuntimeError, "401")


fake.stdin.close()
fake.wait(10)

# ---- signatures --------------------------------------------------------------------------------

verifier = subprocess.Popen(
    [EXAMPLES / "verify_webhook"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
)
NOW = int(time.time())
numbers = iter(range(1_000_000))


def oto(scheme, headers, body, secret, now=None):
    call = {
        "scheme": scheme,
        "headers": headers,
        "body": body,
        "secret": secret,
        "now": int(time.time()) if now is None else now,
    }
    print(json.dumps(call), file=verifier.stdin, flush=True)
    line = verifier.stdout.readline()
    assert line, "verify_webhook ended"
    return json.loads(line)


def holds(check, kinds):
    try:
        check()
    except kinds:
        return False
    return True


def moment(at):
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc)


WHSEC = "whsec_" + base64.b64encode(b"a tram climbs at dawn, in ink").decode()
OTHER = "whsec_" + base64.b64encode(b"somebody else").decode()
EVENT = {
    "id": "evt_1",
    "object": "event",
    "created_at": NOW,
    "type": "response.completed",
    "data": {"id": "resp_1", "text": "Über die Brücke — 電車"},
}
BODY = json.dumps(EVENT, ensure_ascii=False)


def standard(body=BODY, at=NOW, secret=WHSEC, name=None):
    """A call as the library of Standard Webhooks signs it."""
    name = name or f"msg_{next(numbers)}"
    signature = standardwebhooks.Webhook(secret).sign(name, moment(at), body)
    return [["webhook-id", name], ["webhook-timestamp", str(at)], ["webhook-signature", signature]]


def changed(headers, name, value):
    return [[n, value(v) if n == name else v] for n, v in headers]


def standard_judges(headers, body, secret):
    one = dict(headers)
    hook = standardwebhooks.Webhook(secret)
    key = replicate.webhook.WebhookSigningSecret(key=secret)
    ai_hooks = openai.OpenAI(api_key="x", webhook_secret=secret).webhooks
    mistakes = (standardwebhooks.WebhookVerificationError, openai.InvalidWebhookSignatureError, ValueError)
    return {
        "standardwebhooks": holds(lambda: hook.verify(body, one), mistakes),
        "openai": holds(lambda: ai_hooks.unwrap(body, one), mistakes),
        "replicate": holds(
            lambda: replicate.webhook.Webhooks.validate(
                headers=one, body=body, secret=key, tolerance=300
            ),
            mistakes,
        ),
    }


def stripe_signed(body=BODY, at=NOW, secret="whsec_stripe"):
    return stripe.WebhookSignature.generate_signature_header(body, secret, at)


def stripe_judges(headers, body, secret):
    header = dict(headers).get("stripe-signature")
    check = lambda: stripe.Webhook.construct_event(body, header, secret)  # noqa: E731
    return {"stripe": holds(check, (stripe.SignatureVerificationError, ValueError))}


def case(scheme, what, headers, wanted, body=BODY, secret=WHSEC, stricter=None, keys=None):
    """`wanted` is what oTo must say: True, or why not. Judges must agree unless `stricter` says why
    oTo is; it may never be looser. A judge takes one key: `keys` are all that oTo is given."""
    judges = standard_judges if scheme == "standard" else stripe_judges

    @judge(f"{scheme} signature", what)
    def _():
        told = oto(scheme, headers, body, keys or secret)
        found = told["ok"] or told["why"]
        same(found, wanted)
        if told["ok"]:
            same(told["new"], True)
            same(told["event"], json.loads(body))
        verdicts = judges(headers, body, secret)
        theirs = ", ".join(f"{name} {'yes' if said else 'no'}" for name, said in verdicts.items())
        if stricter is None:
            assert all(said == told["ok"] for said in verdicts.values()), f"oTo {found}; {theirs}"
            return f"oTo {'yes' if told['ok'] else told['why']}; {theirs}"
        assert not told["ok"], "oTo is looser"
        return f"oTo {told['why']}, stricter: {stricter}; {theirs}"


good = standard()
case("standard", "as signed", good, True)
case("standard", "almost five minutes old", standard(at=NOW - 290), True)
case("standard", "almost five minutes ahead", standard(at=NOW + 290), True)
case("standard", "six minutes old", standard(at=NOW - 360), "TooOld")
case("standard", "six minutes ahead", standard(at=NOW + 360), "TooNew")
case("standard", "a byte more in the body", standard(), "BadSignature", body=BODY + " ")
case("standard", "another id", changed(standard(), "webhook-id", lambda v: v + "x"), "BadSignature")
case(
    "standard",
    "a fresher time written over",
    changed(standard(at=NOW - 360), "webhook-timestamp", lambda _: str(NOW)),
    "BadSignature",
)
case("standard", "another secret", standard(secret=OTHER), "BadSignature")
for missing in ("webhook-id", "webhook-timestamp", "webhook-signature"):
    case("standard", f"no {missing}", [h for h in standard() if h[0] != missing], "Missing")
case(
    "standard",
    "old and new signature, the right one last",
    changed(standard(name="msg_two"), "webhook-signature", lambda v: dict(standard(name="msg_two", secret=OTHER))["webhook-signature"] + " " + v),
    True,
)
case(
    "standard",
    "two wrong signatures",
    changed(standard(name="a"), "webhook-signature", lambda v: v[:-6] + "AAAAA= " + v[:-6] + "BBBBA="),
    "BadSignature",
)
case("standard", "old key and new key both valid", standard(secret=OTHER), True, secret=OTHER, keys=f"{WHSEC} {OTHER}")
case("standard", "a time that is no number", changed(standard(), "webhook-timestamp", lambda _: "soon"), "Malformed")
case(
    "standard",
    "a time with a sign",
    changed(standard(), "webhook-timestamp", lambda v: "+" + v),
    "Malformed",
    stricter="only digits are a time",
)


@judge("standard signature", "sent once more")
def _():
    told = oto("standard", good, BODY, WHSEC)
    same((told["ok"], told["new"]), (True, False))
    assert all(standard_judges(good, BODY, WHSEC).values())
    return "oTo knows it; no judge remembers"


@judge("standard signature", "signed twice, in two headers")
def _():
    call = standard()
    twice = call + [["webhook-signature", dict(standard(secret=OTHER))["webhook-signature"]]]
    same(oto("standard", twice, BODY, WHSEC)["why"], "Malformed")
    same(oto("standard", call + [call[2]], BODY, WHSEC)["why"], "Malformed")
    return "oTo Malformed; judges take one value"


STRIPE = "whsec_stripe"


def stripe_case(what, header, wanted, **more):
    case("stripe", what, [["stripe-signature", header]], wanted, secret=STRIPE, **more)


def event(number):
    """Each its own: the name in it is remembered."""
    return json.dumps({**EVENT, "id": f"evt_s{number}"}, ensure_ascii=False)


stripe_good = stripe_signed(event(0))
stripe_case("as signed", stripe_good, True, body=event(0))
stripe_case("almost five minutes old", stripe_signed(event(1), NOW - 290), True, body=event(1))
stripe_case("ahead, which Stripe allows", stripe_signed(event(2), NOW + 900), True, body=event(2))
stripe_case("six minutes old", stripe_signed(event(3), NOW - 360), "TooOld", body=event(3))
stripe_case("a byte more in the body", stripe_signed(event(4)), "BadSignature", body=event(4) + " ")
stripe_case("another secret", stripe_signed(event(5), secret="whsec_no"), "BadSignature", body=event(5))
stripe_case("a fresher time written over", f"t={NOW}," + stripe_signed(event(6), NOW - 360).split(",")[1], "BadSignature", body=event(6))
stripe_case("only a v0 signature", stripe_signed(event(7)).replace("v1=", "v0="), "Missing", body=event(7))
stripe_case("no time", stripe_signed(event(8)).split(",")[1], "Malformed", body=event(8))
stripe_case("old and new signature", stripe_signed(event(9), secret="whsec_no") + "," + stripe_signed(event(9)).split(",")[1], True, body=event(9))
stripe_case("words", "nonsense", "Malformed", body=event(10))
stripe_case(
    "two times",
    stripe_signed(event(11)) + f",t={NOW - 9}",
    "Malformed",
    body=event(11),
    stricter="two times can be read in two ways",
)


@judge("stripe signature", "sent once more")
def _():
    told = oto("stripe", [["stripe-signature", stripe_good]], event(0), STRIPE)
    same((told["ok"], told["new"]), (True, False))
    later = stripe_signed(event(0), NOW - 5)
    told = oto("stripe", [["stripe-signature", later]], event(0), STRIPE)
    same((told["ok"], told["new"]), (True, False))
    return "oTo knows it, also signed anew; the judge does not remember"


@judge("stripe signature", "signed twice, in two headers")
def _():
    twice = [["stripe-signature", stripe_signed(event(12))]] * 2
    same(oto("stripe", twice, event(12), STRIPE)["why"], "Malformed")
    return "oTo Malformed; the judge takes one value"


verifier.stdin.close()
verifier.wait(10)

# ---- the table ---------------------------------------------------------------------------------

names = ("openai", "replicate", "runpod", "standardwebhooks", "stripe")
print(f"Python {platform.python_version()}; " + ", ".join(f"{n} {importlib.metadata.version(n)}" for n in names))
widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
for who, what, passed, told in rows:
    print(f"{'ok  ' if passed else 'FAIL'}  {who:{widths[0]}}  {what:{widths[1]}}  {told}".rstrip())
failed = sum(not row[2] for row in rows)
print(f"{len(rows) - failed} of {len(rows)} passed")
sys.exit(1 if failed else 0)
