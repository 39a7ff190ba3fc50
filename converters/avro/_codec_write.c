/* Writes values as Avro by a plan. Python functions that it calls may do anything to the lists and maps
 * under way, so their sizes are looked at again after each item, and items are held while they are written. */
#include "_codec.h"
#include <datetime.h>

#define SMALL 1024

typedef struct {
    const Plan *plan;
    char *data;
    Py_ssize_t size, room;
    char small[SMALL]; /* where most records have room; others move to the heap */
} Writing;

static int write_node(Writing *out, const Node *node, PyObject *value, long long depth);

int avro_write_ready(void)
{
    PyDateTime_IMPORT;
    return PyDateTimeAPI == NULL ? -1 : 0;
}

/* --- bytes -------------------------------------------------------------------------------------- */

static int grow(Writing *out, Py_ssize_t more)
{
    if (more > PY_SSIZE_T_MAX / 4 - out->size) {
        PyErr_NoMemory();
        return -1;
    }
    Py_ssize_t room = (out->size + more) * 2;
    char *data = out->data == out->small ? PyMem_Malloc(room) : PyMem_Realloc(out->data, room);
    if (data == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (out->data == out->small)
        memcpy(data, out->small, out->size);
    out->data = data;
    out->room = room;
    return 0;
}

static inline int reserve(Writing *out, Py_ssize_t more)
{
    return more <= out->room - out->size ? 0 : grow(out, more);
}

static inline int put(Writing *out, const char *data, Py_ssize_t size)
{
    if (reserve(out, size) < 0)
        return -1;
    memcpy(out->data + out->size, data, size);
    out->size += size;
    return 0;
}

static inline int put_long(Writing *out, long long number)
{
    unsigned long long zigzag = ((unsigned long long)number << 1) ^ (unsigned long long)(number >> 63);
    if (reserve(out, 10) < 0)
        return -1;
    while (zigzag > 0x7F) {
        out->data[out->size++] = (char)(zigzag | 0x80);
        zigzag >>= 7;
    }
    out->data[out->size++] = (char)zigzag;
    return 0;
}

static inline int put_sized(Writing *out, const char *data, Py_ssize_t size)
{
    return put_long(out, size) < 0 ? -1 : put(out, data, size);
}

/* --- scalars ------------------------------------------------------------------------------------ */

static int whole(PyObject *value, long long *number)
{
    int overflow = 0;
    if (!PyLong_CheckExact(value))
        return -1;
    *number = PyLong_AsLongLongAndOverflow(value, &overflow);
    return overflow ? -1 : 0;
}

/* a: how many bits there may be. */
static int write_long(Writing *out, const Node *node, PyObject *value)
{
    long long number;
    if (whole(value, &number) < 0)
        return -1;
    if (node->a < 64 && (number < -(1LL << (node->a - 1)) || number >= 1LL << (node->a - 1)))
        return -1;
    return put_long(out, number);
}

static int write_float(Writing *out, PyObject *value, int is_double)
{
    if (!PyFloat_CheckExact(value) || reserve(out, 8) < 0)
        return -1;
    double number = PyFloat_AS_DOUBLE(value);
    char *at = out->data + out->size;
    out->size += is_double ? 8 : 4;
    return is_double ? PyFloat_Pack8(number, at, 1) : PyFloat_Pack4(number, at, 1);
}

static int write_string(Writing *out, PyObject *value)
{
    if (!PyUnicode_Check(value))
        return -1;
    if (PyUnicode_IS_COMPACT_ASCII(value))
        return put_sized(out, PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value));
    PyObject *data = PyUnicode_AsUTF8String(value);
    if (data == NULL) { /* half of a pair: a question mark, as in Java */
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return -1;
        PyErr_Clear();
        data = PyUnicode_AsEncodedString(value, "utf-8", "replace");
    }
    int done = data == NULL ? -1 : put_sized(out, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data));
    Py_XDECREF(data);
    return done;
}

/* Days since 1970 of a date of the Gregorian calendar, by years that begin in March. */
static long long days_of(int year, int month, int day)
{
    year -= month <= 2;
    int era = year / 400, of_era = year % 400; /* the year is not negative */
    int of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097LL + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* A timestamp's milliseconds: of moments in UTC here, of others by the node's function. */
static int write_moment(Writing *out, const Node *node, PyObject *value)
{
    if (PyDateTime_CheckExact(value) && PyDateTime_DATE_GET_TZINFO(value) == PyDateTime_TimeZone_UTC) {
        long long days = days_of(PyDateTime_GET_YEAR(value), PyDateTime_GET_MONTH(value),
                                 PyDateTime_GET_DAY(value));
        int minutes = PyDateTime_DATE_GET_HOUR(value) * 60 + PyDateTime_DATE_GET_MINUTE(value);
        int ms = (minutes * 60 + PyDateTime_DATE_GET_SECOND(value)) * 1000
                 + PyDateTime_DATE_GET_MICROSECOND(value) / 1000;
        return put_long(out, days * DAY_MS + ms);
    }
    long long number;
    PyObject *made = PyObject_CallOneArg(node->object, value);
    int done = made == NULL || whole(made, &number) < 0 ? -1 : put_long(out, number);
    Py_XDECREF(made);
    return done;
}

/* What the node's function makes of a value: a number, or bytes with or without their length. */
static int write_called(Writing *out, const Node *node, PyObject *value)
{
    long long number;
    int done = -1;
    PyObject *made = PyObject_CallOneArg(node->object, value);
    if (made == NULL)
        return -1;
    if (node->code == C_CALL_LONG) {
        if (whole(made, &number) == 0)
            done = put_long(out, number);
    } else if (PyBytes_CheckExact(made)) {
        done = (node->code == C_CALL_BYTES ? put_sized : put)(out, PyBytes_AS_STRING(made),
                                                              PyBytes_GET_SIZE(made));
    }
    Py_DECREF(made);
    return done;
}

/* a: how many bytes a fixed has. */
static int write_bytes(Writing *out, const Node *node, PyObject *value)
{
    if (!PyBytes_CheckExact(value) || (node->code == C_FIXED && PyBytes_GET_SIZE(value) != node->a))
        return -1;
    return (node->code == C_FIXED ? put : put_sized)(out, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
}

/* object: a dict from symbols to the bytes of their numbers. */
static int write_enum(Writing *out, const Node *node, PyObject *value)
{
    PyObject *found = PyDict_GetItemWithError(node->object, value);
    return found == NULL || !PyBytes_CheckExact(found)
               ? -1 : put(out, PyBytes_AS_STRING(found), PyBytes_GET_SIZE(found));
}

/* --- records and unions ------------------------------------------------------------------------- */

/* The values of a struct of that schema, with as many as there should be; a new reference, or NULL. */
static PyObject *values_of(Writing *out, PyObject *schema, PyObject *value, Py_ssize_t count)
{
    const Plan *plan = out->plan;
    if (!Py_IS_TYPE(value, plan->struct_type))
        return NULL;
    PyObject *own = *plan_slot(value, plan->schema_at);
    if (own != schema) {
        if (own == NULL)
            return NULL;
        Py_INCREF(own);
        int same = PyObject_RichCompareBool(own, schema, Py_EQ);
        Py_DECREF(own);
        if (same <= 0)
            return NULL;
    }
    PyObject *values = *plan_slot(value, plan->values_at);
    if (values == NULL || !PyList_CheckExact(values) || PyList_GET_SIZE(values) != count)
        return NULL;
    return Py_NewRef(values);
}

static int write_part(Writing *out, const Part *part, PyObject *value, long long depth)
{
    Py_INCREF(value);
    int done = write_node(out, &out->plan->nodes[part->node], value, depth);
    Py_DECREF(value);
    return done;
}

/* object: the schema; parts: its fields in order, each with the value that stands for none, or None. */
static int write_record(Writing *out, const Node *node, PyObject *value, long long depth)
{
    PyObject *values = values_of(out, node->object, value, node->count);
    int done = values == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; done == 0 && i < node->count; i++) {
        if (i >= PyList_GET_SIZE(values)) {
            done = -1;
            break;
        }
        PyObject *item = PyList_GET_ITEM(values, i);
        done = write_part(out, &node->parts[i], item == Py_None ? node->parts[i].object : item, depth);
    }
    Py_XDECREF(values);
    return done;
}

/* Of a union's struct the first field that is set; a: the branch of null, or -1. Parts: for each field its
 * branch, whose number as bytes is the part's object. */
static int write_sum(Writing *out, const Node *node, PyObject *value, long long depth)
{
    if (value == Py_None)
        return node->a < 0 ? -1 : put_long(out, node->a);
    PyObject *values = values_of(out, node->object, value, node->count);
    int done = -1;
    for (Py_ssize_t i = 0; values != NULL && i < node->count; i++) {
        const Part *part = &node->parts[i];
        PyObject *item = PyList_GET_ITEM(values, i);
        if (item == Py_None)
            continue;
        if (put(out, PyBytes_AS_STRING(part->object), PyBytes_GET_SIZE(part->object)) == 0)
            done = write_part(out, part, item, depth);
        break;
    }
    Py_XDECREF(values);
    return done;
}

/* --- arrays and maps ---------------------------------------------------------------------------- */

static int write_list(Writing *out, const Node *node, PyObject *value, long long depth)
{
    int is_list = PyList_CheckExact(value), done;
    if (!is_list && !PyTuple_CheckExact(value))
        return -1;
    Py_ssize_t size = is_list ? PyList_GET_SIZE(value) : PyTuple_GET_SIZE(value);
    done = put_long(out, size);
    for (Py_ssize_t i = 0; done == 0 && i < size; i++) {
        if (is_list && PyList_GET_SIZE(value) != size)
            return -1;
        PyObject *item = is_list ? PyList_GET_ITEM(value, i) : PyTuple_GET_ITEM(value, i);
        done = write_part(out, &node->parts[0], item, depth);
    }
    return done == 0 && size > 0 ? put(out, "\0", 1) : done;
}

static int write_pair(Writing *out, const Node *node, PyObject *key, PyObject *value, long long depth)
{
    Py_INCREF(value); /* writing the key may change the map */
    int done = write_part(out, &node->parts[0], key, depth);
    if (done == 0)
        done = write_part(out, &node->parts[1], value, depth);
    Py_DECREF(value);
    return done;
}

/* The pairs in the order of a list of pairs, which the node's function makes of the map. */
static int write_pairs(Writing *out, const Node *node, PyObject *pairs, Py_ssize_t size, long long depth)
{
    int done = PyList_CheckExact(pairs) && PyList_GET_SIZE(pairs) == size ? 0 : -1;
    for (Py_ssize_t i = 0; done == 0 && i < size; i++) {
        PyObject *pair = PyList_GET_SIZE(pairs) == size ? PyList_GET_ITEM(pairs, i) : NULL;
        if (pair == NULL || !PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2)
            return -1;
        done = write_pair(out, node, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1), depth);
    }
    return done;
}

static int write_map(Writing *out, const Node *node, PyObject *value, long long depth)
{
    if (!PyDict_CheckExact(value))
        return -1;
    Py_ssize_t size = PyDict_GET_SIZE(value), at = 0;
    int done = put_long(out, size);
    if (size > 1 && node->object != Py_None && done == 0) {
        PyObject *pairs = PyObject_CallOneArg(node->object, value);
        done = pairs == NULL ? -1 : write_pairs(out, node, pairs, size, depth);
        Py_XDECREF(pairs);
    } else {
        PyObject *key, *item;
        while (done == 0 && PyDict_Next(value, &at, &key, &item)) {
            done = write_pair(out, node, key, item, depth);
            if (done == 0 && PyDict_GET_SIZE(value) != size)
                done = -1;
        }
    }
    return done == 0 && size > 0 ? put(out, "\0", 1) : done;
}

/* --- everything --------------------------------------------------------------------------------- */

static int write_node(Writing *out, const Node *node, PyObject *value, long long depth)
{
    switch (node->code) {
    case C_BOOLEAN:
        return value == Py_True ? put(out, "\1", 1) : value == Py_False ? put(out, "\0", 1) : -1;
    case C_LONG:
        return write_long(out, node, value);
    case C_FLOAT:
        return write_float(out, value, 0);
    case C_DOUBLE:
        return write_float(out, value, 1);
    case C_STRING:
        return write_string(out, value);
    case C_BYTES:
    case C_FIXED:
        return write_bytes(out, node, value);
    case C_ENUM:
        return write_enum(out, node, value);
    case C_MOMENT:
        return write_moment(out, node, value);
    case C_CALL_LONG:
    case C_CALL_BYTES:
    case C_CALL_FIXED:
        return write_called(out, node, value);
    case C_NULLABLE: /* a: which of the two branches is null */
        if (value == Py_None)
            return put_long(out, node->a);
        return put_long(out, 1 - node->a) < 0 ? -1 : write_part(out, &node->parts[0], value, depth);
    case C_SUM:
        return write_sum(out, node, value, depth);
    case C_RECORD:
    case C_ARRAY:
    case C_MAP:
        if (++depth > out->plan->depth)
            return -1;
        return node->code == C_RECORD ? write_record(out, node, value, depth)
               : node->code == C_ARRAY ? write_list(out, node, value, depth)
                                       : write_map(out, node, value, depth);
    default:
        return -1;
    }
}

PyObject *avro_encode(PyObject *self, PyObject *const *args, size_t flags, PyObject *names)
{
    Plan *plan = (Plan *)self;
    if (PyVectorcall_NARGS(flags) != 2 || (names != NULL && PyTuple_GET_SIZE(names) > 0)) {
        PyErr_SetString(PyExc_TypeError, "an encoder takes a value and the bytes in front of it");
        return NULL;
    }
    if (!PyBytes_CheckExact(args[1]))
        return avro_fall_back(plan, args);
    Writing out;
    out.plan = plan;
    out.data = out.small;
    out.size = 0;
    out.room = SMALL;
    int code = plan->nodes[0].code;
    int contains = code == C_RECORD || code == C_ARRAY || code == C_MAP;
    int done = put(&out, PyBytes_AS_STRING(args[1]), PyBytes_GET_SIZE(args[1]));
    if (done == 0) /* levels as the twin counts them: the outermost container is none */
        done = write_node(&out, &plan->nodes[0], args[0], contains ? -1 : 0);
    PyObject *made = done == 0 ? PyBytes_FromStringAndSize(out.data, out.size) : NULL;
    if (out.data != out.small)
        PyMem_Free(out.data);
    return made != NULL ? made : avro_fall_back(plan, args);
}

static int holds_parts(const Node *node)
{
    for (Py_ssize_t i = 0; i < node->count; i++)
        if (node->parts[i].node < 0 || (node->code == C_SUM && !PyBytes_CheckExact(node->parts[i].object)))
            return 0;
    return 1;
}

const char *avro_check_write(const Plan *plan, const Node *node)
{
    (void)plan;
    if (!holds_parts(node))
        return "its parts must be nodes";
    switch (node->code) {
    case C_BOOLEAN: case C_FLOAT: case C_DOUBLE: case C_STRING: case C_BYTES: case C_FIXED:
        return node->count == 0 ? NULL : "it has parts";
    case C_LONG:
        return node->count == 0 && node->a >= 2 && node->a <= 64 ? NULL : "it has parts, or strange bits";
    case C_ENUM:
        return node->count == 0 && PyDict_CheckExact(node->object) ? NULL : "it has no dict of symbols";
    case C_MOMENT: case C_CALL_LONG: case C_CALL_BYTES: case C_CALL_FIXED:
        return node->count == 0 && PyCallable_Check(node->object) ? NULL : "it needs a function";
    case C_RECORD:
        return NULL;
    case C_SUM:
        return node->a >= -1 ? NULL : "its null is no branch";
    case C_NULLABLE:
        return node->count == 1 && (node->a == 0 || node->a == 1) ? NULL : "it needs one part";
    case C_ARRAY:
        return node->count == 1 ? NULL : "it needs one part";
    case C_MAP:
        return node->count == 2 && (node->object == Py_None || PyCallable_Check(node->object))
                   ? NULL : "it needs a key and a value";
    default:
        return "an encoder has no such code";
    }
}
