#!/usr/bin/env python3
"""Makes the cut and the expected counts beside it; see README.md. Standard library only.

usage: make.py cut events.ndjson.gz > kuairand-cut.ndjson
       make.py expect trace.ndjson > trace.expected.json
"""
import collections
import gzip
import json
import sys

CUT_EVENTS = 3000
COUNTED = {"video_created": None, "view": "views", "like": "likes", "comment": "comments", "remix": "remixes"}


def cut(path):
    with gzip.open(path, "rt") as f:
        lines = f.read().splitlines()
    events = [json.loads(line) for line in lines]
    pair = lambda e: (e["user"], e["video"])
    ids = collections.Counter(e["id"] for e in events)
    likes = collections.defaultdict(set)
    for e in events:
        if e["type"] == "like":
            likes[pair(e)].add(e["id"])
    repeated = {pair(e) for e in events if ids[e["id"]] > 1}
    repeated |= {p for p, seen in likes.items() if len(seen) > 1}
    keep = {n for n, e in enumerate(events) if pair(e) in repeated}
    for n in range(len(events)):
        if len(keep) >= CUT_EVENTS:
            break
        keep.add(n)
    for n in sorted(keep):
        print(lines[n])


def expect(path):
    seen, liked, videos, mentioned = set(), set(), {}, set()
    facts = collections.Counter()
    with open(path) as f:
        for line in f:
            e = json.loads(line)
            facts["events"] += 1
            mentioned.add(e["video"])
            if e["type"] not in COUNTED:
                facts["left_out"] += 1
                continue
            if e["id"] in seen:
                facts["repeated_ids"] += 1
                continue
            seen.add(e["id"])
            counts = videos.setdefault(e["video"], {"views": 0, "likes": 0, "comments": 0, "remixes": 0})
            if e["type"] == "like":
                if (e["user"], e["video"]) in liked:
                    facts["repeated_likes"] += 1
                    continue
                liked.add((e["user"], e["video"]))
            if COUNTED[e["type"]]:
                counts[COUNTED[e["type"]]] += 1
    facts = {k: facts[k] for k in ("events", "left_out", "repeated_ids", "repeated_likes")}
    out = {**facts, "unknown": sorted(mentioned - set(videos)), "videos": dict(sorted(videos.items()))}
    json.dump(out, sys.stdout, indent=1)
    print()


{"cut": cut, "expect": expect}[sys.argv[1]](sys.argv[2])
