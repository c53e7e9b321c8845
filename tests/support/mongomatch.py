# SPDX-License-Identifier: MIT
"""Whether a document fits a query, by the rules of MongoDB's manual, for the operators that this repository uses.

mongomock, under the stand-in mongowire.py, has other ideas of missing fields, of arrays on a path and of types; a query
that is right there may be wrong on a server.  So these operators are done here, each in a few lines and for itself;
tests/spec/stores/mongo_operators_spec.lua says of each what is expected, and asks a real server the same where one is
named.  All others are left to mongomock.

A path comes to values, one or several or none, and a query asks whether one of them fits:

- at the end of a path, an array is each of its elements, and itself
- on the way, an array is what its elements come to that are documents; others come to nothing
- a path that ends early, or in a document without the field, comes to one value, which is missing

A negation ($ne, $not, $exists: false) is true where no value fits.
"""
import datetime
import decimal
import operator
import re
import uuid

import bson

MISSING = object()

LARGEST = 127

# The order of types in comparisons; those with one number are compared with each other.
ORDER = ((bson.MinKey, -1), (type(None), 5), (bool, 40), (bson.Code, 60), ((int, float, bson.Decimal128), 10), (str, 15),
         (dict, 20), (list, 25), ((bytes, uuid.UUID), 30), (bson.ObjectId, 35), (datetime.datetime, 45),
         (bson.Timestamp, 47), (bson.Regex, 50), (re.Pattern, 50), (bson.DBRef, 20), (bson.MaxKey, LARGEST),
         (object, None))
KNOWN_ORDER = {object: None}  # by the type itself; MISSING has none


def order_of(value):
    """Where the type of a value stands in comparisons."""
    kind = type(value)
    if kind is bson.Code and value.scope is not None:
        return 65
    if kind not in KNOWN_ORDER:
        KNOWN_ORDER[kind] = next(order for each, order in ORDER if issubclass(kind, each))
    return KNOWN_ORDER[kind]


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


def some(value, parts, at, test):
    """Whether one of the values that a path comes to passes a test; the parts before `at` were walked."""
    for i in range(at, len(parts)):
        if not isinstance(value, dict) or parts[i] not in value:
            return test(MISSING)
        value = value[parts[i]]
        if not isinstance(value, list):
            continue
        if i + 1 == len(parts):
            return any(map(test, value)) or test(value)
        if parts[i + 1].isdigit():
            raise NotImplementedError("places in arrays: " + ".".join(parts))
        return any(some(element, parts, i + 1, test) for element in value if isinstance(element, dict))
    return test(value)


def values_at(document, path):
    """The values that a path comes to."""
    values = []
    some(document, path.split("."), 0, values.append)
    return values


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


def is_nan(compared):
    return compared.is_nan() if isinstance(compared, decimal.Decimal) else compared != compared


COMPARISONS = {"$eq": operator.eq, "$lt": operator.lt, "$lte": operator.le, "$gt": operator.gt, "$gte": operator.ge}


def comparison(name, wanted):
    """A test for one value: compared within one type, and null is what is missing, too."""
    may_be_equal, compare = name in ("$eq", "$lte", "$gte"), COMPARISONS[name]
    order, to = order_of(wanted), comparable(wanted)
    fits_missing = wanted is None and may_be_equal
    is_number, to_nan = order == 10, order == 10 and is_nan(to)

    def test(value):
        if value is MISSING:
            return fits_missing
        if order_of(value) != order:
            return False
        compared = comparable(value)
        if is_number and (to_nan or is_nan(compared)):
            return may_be_equal and to_nan and is_nan(compared)
        return compare(compared, to)

    return test


def any_equal(wanted):
    """A test for one value: it is one of a list."""
    tests = [comparison("$eq", each) for each in wanted]
    texts = set(each for each in wanted if type(each) is str)
    others = [test for each, test in zip(wanted, tests) if type(each) is not str]
    return lambda value: type(value) is str and value in texts or any(test(value) for test in others)


def typed(wanted):
    tests = [TYPES[name] for name in (wanted if isinstance(wanted, list) else [wanted])]
    return lambda value: value is not MISSING and any(test(value) for test in tests)


def matching(wanted):
    pattern = wanted.try_compile() if isinstance(wanted, bson.Regex) else re.compile(wanted)
    return lambda value: order_of(value) == 15 and pattern.search(value) is not None


def is_there(value):
    return value is not MISSING


# By operator: a test for one value, and whether none is to pass it.
TESTS = {
    "$ne": lambda wanted: (comparison("$eq", wanted), True),
    "$in": lambda wanted: (any_equal(wanted), False),
    "$exists": lambda wanted: (is_there, not wanted),
    "$type": lambda wanted: (typed(wanted), False),
    "$regex": lambda wanted: (matching(wanted), False),
}
for each in COMPARISONS:
    TESTS[each] = lambda wanted, name=each: (comparison(name, wanted), False)


def is_operators(wanted):
    return isinstance(wanted, dict) and any(key.startswith("$") for key in wanted)


def is_known(operators):
    return all(name in TESTS or name == "$not" and is_operators(wanted) and is_known(wanted)
               for name, wanted in operators.items())


def fitting(path, operators):
    """Whether what a path comes to fits {operator: wanted, ...}, as a function of a document."""
    parts, tests = path.split("."), []
    for name, wanted in operators.items():
        if name == "$not":
            inner = fitting(path, wanted)
            tests.append(lambda document, inner=inner: not inner(document))
        else:
            test, is_negated = TESTS[name](wanted)
            tests.append(lambda document, test=test, is_negated=is_negated:
                         bool(some(document, parts, 0, test)) != is_negated)
    return tests[0] if len(tests) == 1 else lambda document: all(test(document) for test in tests)


def part_of(key, wanted, otherwise):
    """The same for one member of a query."""
    if key in ("$and", "$or", "$nor"):
        parts = [compiled(each, otherwise) for each in wanted]
        if key == "$and":
            return lambda document: all(part(document) for part in parts)
        return lambda document: any(part(document) for part in parts) == (key == "$or")
    is_other = key.startswith("$") or isinstance(wanted, (bson.Regex, re.Pattern))
    if is_other or is_operators(wanted) and not is_known(wanted):
        return lambda document: otherwise({key: wanted}, document)
    return fitting(key, wanted if is_operators(wanted) else {"$eq": wanted})


def compiled(query, otherwise):
    """Whether a document fits a query, as a function of the document.  otherwise(query, document) tells of operators
    that are not known here."""
    parts = [part_of(key, wanted, otherwise) for key, wanted in query.items()]
    return parts[0] if len(parts) == 1 else lambda document: all(part(document) for part in parts)


class Matcher:
    """Whether documents fit queries, each of which is asked of many, one after the other."""

    def __init__(self, otherwise):
        self.otherwise, self.query, self.fits = otherwise, None, None

    def applies(self, query, document):
        if query is not self.query:
            self.fits = compiled(query, self.otherwise)
            self.query = query
        return self.fits(document)
