#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A stand-in for a MongoDB server, for tests where there is none: it speaks MongoDB's wire protocol.

    mongowire.py PORT [JOURNAL] [--version 4.4] [--replica-set NAME]

It is not MongoDB.  What updates and aggregations do is mongomock's idea of it (Debian: python3-mongomock,
python3-bson, python3-pymongo); what fits a query is in mongomatch.py.  This file adds the protocol (OP_MSG, and OP_QUERY
for the first hello), the commands that clients need, an index on entityId, without which a hundred thousand documents
would take minutes, and unique indexes with a key for each element of an array.

What it has: upserts, unique indexes with error 11000, also partial ones, cursors with batches, limits on the size and,
as the real one by its version, on the keys of documents, and the fail point `failCommand` of test servers (configureFailPoint), with
errorCode, closeConnection, blockTimeMS, writeConcernError, and, of its own, closeAfterwards: when it has been done.
With --replica-set it says that it is the primary of one, alone in it, and remembers retryable writes by their numbers.
What it has not: logins, TLS, other members of a replica set, transactions, collations; write concerns are taken and not looked at.

With JOURNAL every command that writes is appended to that file and synced before it happens, and done again at the next
start: what was acknowledged survives kill -9.  Ids that the server itself made up are then others.
"""
import argparse
import bisect
import datetime
import itertools
import os
import socket
import socketserver
import struct
import threading
import time
from collections import OrderedDict

import bson
import mongomatch
import mongomock
import mongomock.collection
import mongomock.filtering
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

OPTIONS = bson.CodecOptions(document_class=OrderedDict, tz_aware=False,
                            uuid_representation=bson.binary.UuidRepresentation.UNSPECIFIED)
DOCUMENT_MAX = 16 * 1024 * 1024
MESSAGE_MAX = 48000000
WRITES = {"insert", "update", "delete", "findandmodify", "createindexes", "dropindexes", "drop", "dropdatabase",
          "create"}

# mongomock would refuse keys with $ and dots, as MongoDB did before version 5.
mongomock.collection.BSON = None


class Refused(Exception):
    """What a command is answered in place of its result."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


# ------------------------------------------------------------------------------------------------ index on entityId


class Index:
    """Documents by their entityId: the keys of the store by value, and the texts in order."""

    def __init__(self, store):
        self.keys = {}
        self.texts = []
        for key, document in store._documents.items():
            self.add(key, document)

    def add(self, key, document):
        value = document.get("entityId")
        if isinstance(value, (dict, list)):
            value = None
        if isinstance(value, str) and value not in self.keys:
            bisect.insort(self.texts, value)
        self.keys.setdefault(value, []).append(key)

    def remove(self, key, document):
        value = document.get("entityId")
        if isinstance(value, (dict, list)):
            value = None
        self.keys[value].remove(key)
        if not self.keys[value]:
            del self.keys[value]
            if isinstance(value, str):
                del self.texts[bisect.bisect_left(self.texts, value)]

    def values(self, condition):
        """The values that a condition on entityId may mean, in order; None: all."""
        if isinstance(condition, (str, int, float)):
            return [condition]
        if not isinstance(condition, dict):
            return None
        if "$in" in condition:
            return list(dict.fromkeys(condition["$in"]))
        lower = condition.get("$gte", condition.get("$gt"))
        if isinstance(lower, str):
            first = bisect.bisect_left(self.texts, lower)
            last = len(self.texts)
            if "$lt" in condition:
                last = bisect.bisect_left(self.texts, condition["$lt"])
            return self.texts[first:last]
        if isinstance(lower, (int, float)):
            return [value for value in self.keys if not isinstance(value, str)]
        return None


def index_of(store):
    if getattr(store, "entity_index", None) is None:
        store.entity_index = Index(store)
    return store.entity_index


def patch_store():
    Store = mongomock.store.CollectionStore
    set_item, delete_item, drop = Store.__setitem__, Store.__delitem__, Store.drop

    def set_item_indexed(self, key, document):
        index = index_of(self)
        if key in self._documents:
            index.remove(key, self._documents[key])
        set_item(self, key, document)
        index.add(key, document)

    def delete_item_indexed(self, key):
        index_of(self).remove(key, self._documents[key])
        delete_item(self, key)

    def drop_indexed(self):
        drop(self)
        self.entity_index = None

    Store.__setitem__, Store.__delitem__, Store.drop = set_item_indexed, delete_item_indexed, drop_indexed
    iterate = mongomock.collection.Collection._iter_documents

    def iterate_indexed(self, condition):
        values = index_of(self._store).values(condition.get("entityId")) if isinstance(condition, dict) else None
        if values is None:
            return iterate(self, condition)
        documents, keys = self._store._documents, index_of(self._store).keys
        found = (documents[key] for value in values for key in list(keys.get(value, ())))
        return (d for d in found if mongomock.filtering.filter_applies(condition, d))

    mongomock.collection.Collection._iter_documents = iterate_indexed
    mongomock.collection.Collection._ensure_uniques = ensure_uniques


BY_ID = [("entityId", 1)]


def array_at(document, key):
    """The first part of a path that is an array; None: there is none."""
    parts = key.split(".")
    for i, part in enumerate(parts):
        document = document.get(part) if isinstance(document, dict) else None
        if isinstance(document, list):
            return parts[:i + 1]
    return None


def values_of(document, key):
    values = mongomatch.values_at(document, key)
    if len(values) > 1 and isinstance(values[-1], list):  # what its elements are keys for
        values = values[:-1]
    return [key_of(None if value is mongomatch.MISSING else value) for value in values or [None]]


def keys_of(index, document):
    """The keys of a document in an index: one for each element of an array."""
    arrays = [array_at(document, key) for key, _ in index["key"]]
    places = [place for place in arrays if place]
    if any(place != places[0] for place in places):
        raise DuplicateKeyError("cannot index parallel arrays [%s] [%s]" % (places[0][-1], places[1][-1]), 171)
    values = [values_of(document, key) for key, _ in index["key"]]
    count = max(map(len, values))
    return set(zip(*(each * count if len(each) == 1 else each for each in values)))


def key_of(value):
    """A value as a key: equal where MongoDB's are."""
    compared = mongomatch.comparable(value)
    return (mongomatch.order_of(value), repr(compared) if isinstance(value, (dict, list, bson.Code)) else compared)


def filtered(index, document):
    partial = index.get("partialFilterExpression")
    return not partial or mongomock.filtering.filter_applies(partial, document)


def duplicate(collection, name, keys):
    return DuplicateKeyError("E11000 duplicate key error collection: %s index: %s dup key: %s"
                             % (collection.full_name, name, keys), 11000)


def ensure_uniques(self, document):
    """As mongomock's, with what MongoDB says then, and a key for each element of an array."""
    for name, index in self._store.indexes.items():
        if not filtered(index, document):
            continue
        keys = keys_of(index, document)
        if not index.get("unique"):
            continue
        if index["key"] == BY_ID:
            others = list(self._iter_documents({"entityId": document.get("entityId")}))
        else:
            others = list(self._store.documents)  # all of it, since it holds a lock meanwhile
        others = (found for found in others if found["_id"] != document["_id"] and filtered(index, found))
        if any(not keys.isdisjoint(keys_of(index, found)) for found in others):
            raise duplicate(self, name, dict(index["key"]))


# ------------------------------------------------------------------------------------------------ queries


def patch_queries():
    """What fits a query, as MongoDB has it; and its order of types, where mongomock has another."""
    filtering = mongomock.filtering
    filterer, compare_type = filtering._filterer_inst, filtering._get_compare_type
    filterer.apply = mongomatch.Matcher(filterer.apply).applies

    def ordered_type(value):
        return mongomatch.order_of(value) if isinstance(value, ORDERED) else compare_type(value)

    filtering._get_compare_type = ordered_type


ORDERED = (bson.MinKey, bson.MaxKey, bson.Code, bson.Timestamp, bson.Decimal128)


# ------------------------------------------------------------------------------------------------ commands


def check_keys(value, where):
    """As MongoDB before 5.0: no stored key begins with $."""
    if isinstance(value, list):
        for item in value:
            check_keys(item, where)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key.startswith("$"):
                raise Refused(52, "The dollar ($) prefixed field '%s' in '%s' is not valid for storage." % (key, where))
            check_keys(item, where + "." + key)


class Server:
    def __init__(self, version, journal, replica_set=None, port=0):
        self.version = version
        self.replica_set = replica_set
        self.address = "127.0.0.1:%d" % port
        self.retryable = {}
        self.client = mongomock.MongoClient()
        self.lock = threading.RLock()
        self.cursors = {}
        self.numbers = itertools.count(1000)
        self.fail_point = None
        self.journal = None
        if journal:
            self.replay(journal)
            self.journal = open(journal, "ab")

    def replay(self, path):
        if not os.path.exists(path):
            return
        with open(path, "rb") as file:
            data = file.read()
        at = 0
        while at + 4 <= len(data):
            (size,) = struct.unpack_from("<i", data, at)
            if at + size > len(data):
                break  # torn by a kill: it was never acknowledged
            self.answer(bson.decode(data[at:at + size], OPTIONS))
            at += size

    def answer(self, command):
        """The reply to a command; None: the connection is to be closed."""
        name = next(iter(command)).lower()
        fault = self.fault(name)
        if fault.get("blockTimeMS"):
            time.sleep(fault["blockTimeMS"] / 1000)
        if fault.get("closeConnection"):
            return None
        if fault.get("errorCode"):
            return OrderedDict(ok=0.0, errmsg="failing by a fail point", code=fault["errorCode"])
        number = command.get("txnNumber")
        with self.lock:
            if number is not None and (str(command["lsid"]), number) in self.retryable:
                return self.retryable[str(command["lsid"]), number]
            if self.journal and name in WRITES:
                self.journal.write(bson.encode(command, codec_options=OPTIONS))
                self.journal.flush()
                os.fdatasync(self.journal.fileno())
            reply = self.run(name, command)
            if number is not None:
                self.retryable[str(command["lsid"]), number] = reply
        if fault.get("closeAfterwards"):
            return None
        if fault.get("writeConcernError"):
            reply["writeConcernError"] = fault["writeConcernError"]
        return reply

    def fault(self, name):
        point = self.fail_point
        if not point or name not in [c.lower() for c in point["data"].get("failCommands", [])]:
            return {}
        if isinstance(point["mode"], dict):
            point["mode"]["times"] -= 1
            if point["mode"]["times"] <= 0:
                self.fail_point = None
        return point["data"]

    def run(self, name, command):
        method = getattr(self, "do_" + name, None)
        try:
            if not method:
                raise Refused(59, "no such command: '%s'" % next(iter(command)))
            reply = method(command, next(iter(command.values())), self.client[command.get("$db", "test")])
        except (Refused, OperationFailure) as e:
            return OrderedDict(ok=0.0, errmsg=str(e), code=e.code or 8000)
        except Exception as e:  # a bug here or in mongomock: the client hears of it
            return OrderedDict(ok=0.0, errmsg="%s: %s" % (type(e).__name__, e), code=8000)
        reply = OrderedDict(reply or {})
        reply["ok"] = 1.0
        return reply

    # ---- about the server

    def do_hello(self, command, name, db):
        member = OrderedDict()
        if self.replica_set:
            member.update(setName=self.replica_set, setVersion=1, hosts=[self.address], primary=self.address,
                          me=self.address, secondary=False, electionId=bson.ObjectId("7fffffff0000000000000001"))
        return OrderedDict(
            member, ismaster=True, isWritablePrimary=True, helloOk=True, maxBsonObjectSize=DOCUMENT_MAX,
            maxMessageSizeBytes=MESSAGE_MAX, maxWriteBatchSize=100000, localTime=datetime.datetime.utcnow(),
            logicalSessionTimeoutMinutes=30, connectionId=1, minWireVersion=0,
            maxWireVersion=13 if self.version >= (5, 0) else 9, readOnly=False)

    do_ismaster = do_hello

    def do_ping(self, command, name, db):
        return {}

    do_endsessions = do_killcursors = do_ping

    def do_buildinfo(self, command, name, db):
        version = list(self.version) + [0, 0]
        return {"version": "%d.%d.0-stand-in" % self.version, "versionArray": version}

    def do_dbstats(self, command, name, db):
        sizes = [len(bson.encode(d)) for c in db.list_collection_names() for d in db[c].find()]
        return {"db": db.name, "collections": len(db.list_collection_names()), "objects": len(sizes),
                "dataSize": float(sum(sizes)), "storageSize": 4096.0, "indexes": 2, "indexSize": 8192.0}

    def do_configurefailpoint(self, command, name, db):
        self.fail_point = None if command["mode"] == "off" else command

    # ---- writing

    def check_stored(self, document):
        if self.version < (5, 0):
            check_keys(document, "document")
        if len(bson.encode(document, codec_options=OPTIONS)) > DOCUMENT_MAX:
            raise Refused(10334, "BSONObj size is invalid: it must be at most %d bytes" % DOCUMENT_MAX)

    def each(self, command, items, write):
        """Does write(item) for each; returns what the command's reply has of errors."""
        errors = []
        for i, item in enumerate(items):
            try:
                write(i, item)
            except (PyMongoError, Refused) as e:
                code = getattr(e, "code", None) or (11000 if isinstance(e, DuplicateKeyError) else 2)
                errors.append(OrderedDict(index=i, code=code, errmsg=str(e)))
                if command.get("ordered", True):
                    break
        return {"writeErrors": errors} if errors else {}

    def do_insert(self, command, name, db):
        done = []

        def write(i, document):
            self.check_stored(document)
            db[name].insert_one(document)
            done.append(i)

        reply = self.each(command, command["documents"], write)
        reply["n"] = len(done)
        return reply

    def check_retryable(self, command, statements):
        if "txnNumber" not in command:
            return
        if not self.replica_set:
            raise Refused(20, "Transaction numbers are only allowed on a replica set member or mongos")
        if any(one.get("multi") or one.get("limit") == 0 for one in statements):
            raise Refused(72, "Cannot use retryable writes with multi=true or limit=0")

    def do_update(self, command, name, db):
        self.check_retryable(command, command["updates"])
        count = OrderedDict(n=0, nModified=0)
        upserted = []

        def write(i, one):
            query, update, upsert = one["q"], one["u"], bool(one.get("upsert"))
            if not next(iter(update), "$").startswith("$"):
                self.check_stored(update)
                result = db[name].replace_one(query, update, upsert=upsert)
            else:
                for fields in update.values():
                    self.check_stored(fields)
                method = db[name].update_many if one.get("multi") else db[name].update_one
                result = method(query, self.expand(update), upsert=upsert)
            if any("entityId" in fields for fields in update.values() if isinstance(fields, dict)):
                db[name]._store.entity_index = None
            if result.upserted_id is not None:
                upserted.append(OrderedDict(index=i, _id=result.upserted_id))
                count["n"] += 1
            else:
                count["n"] += result.matched_count
                count["nModified"] += result.modified_count

        reply = OrderedDict(self.each(command, command["updates"], write))
        reply.update(count)
        if upserted:
            reply["upserted"] = upserted
        return reply

    @staticmethod
    def expand(update):
        """An update with all of its operators, since mongomock does not take empty ones."""
        return OrderedDict((operator, fields) for operator, fields in update.items() if fields)

    def do_delete(self, command, name, db):
        self.check_retryable(command, command["deletes"])
        done = [0]

        def write(i, one):
            method = db[name].delete_one if one.get("limit") == 1 else db[name].delete_many
            done[0] += method(one["q"]).deleted_count

        reply = self.each(command, command["deletes"], write)
        reply["n"] = done[0]
        return reply

    def do_findandmodify(self, command, name, db):
        query = command.get("query") or {}
        if command.get("remove"):
            value = db[name].find_one_and_delete(query)
        else:
            value = db[name].find_one_and_update(
                query, command["update"], upsert=bool(command.get("upsert")),
                return_document=bool(command.get("new")))
        return OrderedDict(lastErrorObject={"n": 1 if value else 0}, value=value)

    # ---- reading

    def batch(self, db, name, documents, command):
        wanted = int((command.get("cursor") or {}).get("batchSize", command.get("batchSize", 101)) or 101)
        first = self.take(documents, wanted)
        cursor = 0
        if not command.get("singleBatch"):
            following = next(documents, None)
            if following is not None:
                cursor = next(self.numbers)
                self.cursors[cursor] = itertools.chain([following], documents)
        return {"cursor": OrderedDict(firstBatch=first, id=bson.Int64(cursor), ns="%s.%s" % (db.name, name))}

    @staticmethod
    def take(documents, wanted):
        """The next documents, as many as a reply holds."""
        taken, size = [], 0
        for document in documents:
            taken.append(document)
            size += len(bson.encode(document, codec_options=OPTIONS))
            if len(taken) >= wanted or size > DOCUMENT_MAX // 2:
                break
        return taken

    def do_find(self, command, name, db):
        condition, sort = command.get("filter") or {}, command.get("sort")
        values = index_of(db[name]._store).values(condition.get("entityId"))
        found = db[name]._iter_documents(condition)
        for key, direction in reversed(list((sort or {}).items())):
            if key != "entityId" or direction < 0 or values is None:  # else it is in order already
                found = sorted(found, key=lambda d: mongomock.filtering.resolve_sort_key(key, d), reverse=direction < 0)
        projection = command.get("projection") or None
        found = (db[name]._copy_only_fields(d, projection, OrderedDict) for d in found)
        if command.get("skip"):
            found = itertools.islice(found, int(command["skip"]), None)
        limit = abs(int(command.get("limit") or 0))
        return self.batch(db, name, itertools.islice(found, limit or None), command)

    def do_getmore(self, command, cursor, db):
        documents = self.cursors.pop(cursor, None)
        if documents is None:
            raise Refused(43, "cursor id %d not found" % cursor)
        batch = self.take(documents, int(command.get("batchSize") or 100000))
        following = next(documents, None)
        if following is not None:
            self.cursors[cursor] = itertools.chain([following], documents)
        number = bson.Int64(cursor if following is not None else 0)
        return {"cursor": OrderedDict(nextBatch=batch, id=number, ns=db.name + "." + command["collection"])}

    def do_count(self, command, name, db):
        return {"n": db[name].count_documents(command.get("query") or {})}

    def do_aggregate(self, command, name, db):
        pipeline = command["pipeline"]
        if len(pipeline) == 2 and "$match" in pipeline[0] and pipeline[1] == {"$group": {"_id": 1, "n": {"$sum": 1}}}:
            count = db[name].count_documents(pipeline[0]["$match"])
            return self.batch(db, name, iter([{"_id": 1, "n": count}] if count else []), command)
        return self.batch(db, name, iter(list(db[name].aggregate(pipeline))), command)

    # ---- collections

    def do_createindexes(self, command, name, db):
        before = len(db[name].index_information())
        for index in command["indexes"]:
            self.create_index(db[name], index)
        return {"numIndexesBefore": max(before, 1), "numIndexesAfter": len(db[name].index_information())}

    def create_index(self, collection, index):
        keys, partial = list(index["key"].items()), index.get("partialFilterExpression")
        existing = collection.index_information()
        for other in existing.values():
            if other["key"] == keys and other.get("partialFilterExpression") == partial and other != index:
                if bool(other.get("unique")) != bool(index.get("unique")):
                    raise Refused(85, "Index already exists with different options")
        if index["name"] in existing:
            return
        made, seen = {"key": keys, "unique": bool(index.get("unique"))}, set()
        if partial:
            made["partialFilterExpression"] = partial
        for document in list(collection._store.documents):
            if filtered(made, document):
                found = keys_of(made, document)
                if made["unique"] and not seen.isdisjoint(found):
                    raise duplicate(collection, index["name"], "")
                seen |= found
        collection._store.create_index(index["name"], made)

    def do_dropindexes(self, command, name, db):
        if command["index"] not in db[name].index_information():
            raise Refused(27, "index not found with name [%s]" % command["index"])
        db[name].drop_index(command["index"])

    def do_listindexes(self, command, name, db):
        found = []
        for key, index in db[name].index_information().items():
            found.append(OrderedDict(v=2, key=OrderedDict(index["key"]), name=key))
            for option in ("unique", "partialFilterExpression"):
                if index.get(option):
                    found[-1][option] = index[option]
        return self.batch(db, name, iter(found), command)

    def do_listcollections(self, command, name, db):
        names = [{"name": n, "type": "collection"} for n in db.list_collection_names()]
        return self.batch(db, "$cmd.listCollections", iter(names), command)

    def do_create(self, command, name, db):
        db.create_collection(name)

    def do_drop(self, command, name, db):
        db.drop_collection(name)

    def do_dropdatabase(self, command, name, db):
        self.client.drop_database(db.name)


# ------------------------------------------------------------------------------------------------ protocol


def parse_message(body):
    """Flags and command of an OP_MSG, whose sequences of documents become fields of the command."""
    (flags,) = struct.unpack_from("<I", body)
    at, end = 4, len(body) - (4 if flags & 1 else 0)
    command, sequences = None, {}
    while at < end:
        kind = body[at]
        at += 1
        (size,) = struct.unpack_from("<i", body, at)
        if kind == 0:
            command = bson.decode(body[at:at + size], OPTIONS)
        else:
            stop = body.index(b"\0", at + 4)
            documents, inside = [], stop + 1
            while inside < at + size:
                (length,) = struct.unpack_from("<i", body, inside)
                documents.append(bson.decode(body[inside:inside + length], OPTIONS))
                inside += length
            sequences[body[at + 4:stop].decode()] = documents
        at += size
    command.update(sequences)
    return flags, command


class Handler(socketserver.BaseRequestHandler):
    replies = itertools.count(1)

    def receive(self, size):
        data = bytearray()
        while len(data) < size:
            part = self.request.recv(min(size - len(data), 1 << 20))
            if not part:
                raise ConnectionError
            data += part
        return bytes(data)

    def send(self, to, opcode, payload):
        self.request.sendall(struct.pack("<iiii", 16 + len(payload), next(self.replies), to, opcode) + payload)

    def one(self):
        length, number, _, opcode = struct.unpack("<iiii", self.receive(16))
        body = self.receive(length - 16)
        if opcode == 2013:
            flags, command = parse_message(body)
            reply = self.server.mongo.answer(command)
            if reply is None:
                return False
            if not flags & 2:
                self.send(number, 2013, struct.pack("<I", 0) + b"\0" + bson.encode(reply, codec_options=OPTIONS))
        elif opcode == 2004:
            command = bson.decode(body[body.index(b"\0", 4) + 9:], OPTIONS)
            reply = self.server.mongo.answer(command.get("$query", command))
            self.send(number, 1, struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(reply, codec_options=OPTIONS))
        return opcode in (2013, 2004)

    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while self.one():
                pass
        except OSError:
            pass


class Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("journal", nargs="?")
    parser.add_argument("--version", default="5.0")
    parser.add_argument("--replica-set")
    options = parser.parse_args()
    patch_store()
    patch_queries()
    listener = Listener(("127.0.0.1", options.port), Handler)
    version = tuple(map(int, options.version.split(".")))
    listener.mongo = Server(version, options.journal, options.replica_set, options.port)
    print("ready", flush=True)
    listener.serve_forever()


if __name__ == "__main__":
    main()
