# SPDX-License-Identifier: MIT
"""Whether a document fits a query, by the rules of MongoDB's manual, for the operators that this repository uses.

mongomock, under the stand-in mongowire.py, has other ideas of missing fields, of arrays on a path and of types; a query
that is right there may be wrong on a server.  So these operators are done here, each in a few lines and for itself;
tests/spec/stores/mongo_operators_spec.lua says of each what is expected, and asks a real server the same where one is
named.  All others are left to mongomock.

A path comes to values, one or several or none (`values_at`), and a query asks whether one of them fits:

- at the end of a path, an array is each of its elements, and itself
- on the way, an array is what its elements come to that are documents; others come to nothing
- a path that ends early, or in a document without the field, comes to one value, which is missing

A negation ($ne, $not, $exists: false) is true where no value fits.
"""
import datetime
import decimal
import functools
import re
import uuid

import bson

MISSING = object()

LARGEST = 127

# The order of types in comparisons; those with one number are compared with each other.
ORDER = ((bson.MinKey, -1), (type(None), 5), (bool, 40), (bson.Code, 60), ((int, float, bson.Decimal128), 10), (str, 15),
         (dict, 20), (list, 25), ((bytes, uuid.UUID), 30), (bson.ObjectId, 35), (datetime.datetime, 45),
         (bson.Timestamp, 47), (bson.Regex, 50), (re.Pattern, 50), (bson.DBRef, 20), (bson.MaxKey, LARGEST))


def order_of(value):
    """Where the type of a value stands in comparisons."""
    if isinstance(value, bson.Code) and value.scope is not None:
        return 65
    return next(order for kind, order in ORDER if isinstance(value, kind))


TYPES = {
    "double": lambda v: isinstance(v, float),
    "string": lambda v: order_of(v) == 15,
    "object": lambda v: order_of(v) == 20,
    "array": lambda v: order_of(v) == 25,
    "binData": lambda v: order_of(v) == 30,
    "objectId": lambda v: order_of(v) == 35,
    "bool": lambda v: order_of(v) == 40,
    "date": lambda v: order_of(v) == 45,
    "null": lambda v: v is None,
    "regex": lambda v: order_of(v) == 50,
    "javascript": lambda v: order_of(v) == 60,
    "javascriptWithScope": lambda v: order_of(v) == 65,
    "timestamp": lambda v: order_of(v) == 47,
    "decimal": lambda v: isinstance(v, bson.Decimal128),
    "number": lambda v: order_of(v) == 10,
    "minKey": lambda v: order_of(v) == -1,
    "maxKey": lambda v: order_of(v) == LARGEST,
    # Documents that have these cannot be written by pymongo.
    "undefined": lambda v: False,
    "symbol": lambda v: False,
    "dbPointer": lambda v: False,
}


def values_at(document, path):
    """The values that a path comes to, one after the other."""
    return values_from(document, parts_of(path), 0)


@functools.lru_cache(maxsize=1000)
def parts_of(path):
    return path.split(".")


def values_from(value, parts, at):
    for i in range(at, len(parts)):
        if not isinstance(value, dict) or parts[i] not in value:
            yield MISSING
            return
        value = value[parts[i]]
        if not isinstance(value, list):
            continue
        if i + 1 == len(parts):
            yield from value
            break
        if parts[i + 1].isdigit():
            raise NotImplementedError("places in arrays: " + ".".join(parts))
        for element in value:
            if isinstance(element, dict):
                yield from values_from(element, parts, i + 1)
        return
    yield value


def comparable(value):
    """A value as one that Python compares as MongoDB does, within one type."""
    if isinstance(value, bson.Decimal128):
        return value.to_decimal()
    if isinstance(value, bson.Code):
        return (str(value), sorted((value.scope or {}).items()))
    if isinstance(value, uuid.UUID):
        value = bson.Binary(value.bytes, 4)
    if isinstance(value, bytes):
        return (len(value), getattr(value, "subtype", 0), bytes(value))
    if isinstance(value, (bson.Regex, re.Pattern)):
        return (value.pattern, int(value.flags) & ~re.UNICODE)
    if isinstance(value, bson.DBRef):
        value = value.as_doc()
    if isinstance(value, dict):
        return [(order_of(v), k, comparable(v)) for k, v in value.items()]
    if isinstance(value, list):
        return [(order_of(v), comparable(v)) for v in value]
    if isinstance(value, (type(None), bson.MinKey, bson.MaxKey)):
        return 0
    return value


def is_nan(value):
    return order_of(value) == 10 and value != value if not isinstance(value, bson.Decimal128) \
        else value.to_decimal().is_nan()


COMPARISONS = {
    "$eq": lambda a, b: a == b,
    "$lt": lambda a, b: a < b,
    "$lte": lambda a, b: a <= b,
    "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b,
}


def compares(operator, value, wanted):
    """Whether one value fits a comparison: within one type, and null is what is missing, too."""
    may_be_equal = operator in ("$eq", "$lte", "$gte")
    if value is MISSING:
        return wanted is None and may_be_equal
    if order_of(value) != order_of(wanted):
        return False
    if is_nan(value) or is_nan(wanted):
        return may_be_equal and is_nan(value) and is_nan(wanted)
    a, b = comparable(value), comparable(wanted)
    if isinstance(a, decimal.Decimal) and isinstance(b, float) or isinstance(a, float) and isinstance(b, decimal.Decimal):
        a, b = decimal.Decimal(a), decimal.Decimal(b)
    return COMPARISONS[operator](a, b)


def has_type(value, wanted):
    names = wanted if isinstance(wanted, list) else [wanted]
    return value is not MISSING and any(TYPES[name](value) for name in names)


def fits_regex(value, wanted):
    if value is MISSING or order_of(value) != 15:
        return False
    pattern = wanted.try_compile() if isinstance(wanted, bson.Regex) else re.compile(wanted)
    return pattern.search(value) is not None


def fits_operator(document, path, operator, wanted):
    """Whether what a path comes to fits {operator: wanted}; None: that is not told here."""
    values = values_at(document, path)
    if operator in COMPARISONS:
        return any(compares(operator, value, wanted) for value in values)
    if operator == "$ne":
        return not any(compares("$eq", value, wanted) for value in values)
    if operator == "$in":
        return any(compares("$eq", value, each) for value in values for each in wanted)
    if operator == "$exists":
        return bool(wanted) == any(value is not MISSING for value in values)
    if operator == "$type":
        return any(has_type(value, wanted) for value in values)
    if operator == "$regex":
        return any(fits_regex(value, wanted) for value in values)
    if operator == "$not":
        return not all(fits_operator(document, path, each, of) for each, of in wanted.items())
    return None


KNOWN = set(COMPARISONS) | {"$ne", "$in", "$exists", "$type", "$regex", "$not"}


def is_operators(wanted):
    return isinstance(wanted, dict) and any(key.startswith("$") for key in wanted)


def is_known(wanted):
    """Whether all of {operator: wanted, ...} is told here."""
    return all(each in KNOWN and (each != "$not" or is_operators(of) and is_known(of)) for each, of in wanted.items())


def applies(query, document, otherwise):
    """Whether a document fits a query.  otherwise(query, document) tells of {path: {operator: ...}} with others."""
    for key, wanted in query.items():
        if key == "$and":
            fits = all(applies(each, document, otherwise) for each in wanted)
        elif key == "$or":
            fits = any(applies(each, document, otherwise) for each in wanted)
        elif key == "$nor":
            fits = not any(applies(each, document, otherwise) for each in wanted)
        elif key.startswith("$") or is_operators(wanted) and not is_known(wanted):
            fits = otherwise({key: wanted}, document)
        elif is_operators(wanted):
            fits = all(fits_operator(document, key, each, of) for each, of in wanted.items())
        elif isinstance(wanted, (bson.Regex, re.Pattern)):
            fits = otherwise({key: wanted}, document)
        else:
            fits = fits_operator(document, key, "$eq", wanted)
        if not fits:
            return False
    return True
