/* Reads Avro data by a plan. Nothing is made of a length before it was held against what is left. */
#include "_codec.h"
#include <datetime.h>

typedef struct {
    const Plan *plan;
    PyObject *source; /* the bytes, for calls of Python functions */
    const unsigned char *at, *end, *begin;
    long long empties; /* how many items that take no bytes may still come */
} Reading;

static PyObject *read_node(Reading *in, const Node *node, long long depth);

int avro_read_ready(void)
{
    PyDateTime_IMPORT;
    return PyDateTimeAPI == NULL ? -1 : 0;
}

static inline Py_ssize_t left(const Reading *in)
{
    return in->end - in->at;
}

/* --- numbers and lengths ------------------------------------------------------------------------ */

static int read_more(Reading *in, long long *out)
{
    unsigned long long zigzag = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (in->at >= in->end)
            return -1;
        unsigned char byte = *in->at++;
        if (shift == 63 && (byte & 0x7F) > 1)
            return -1; /* more than 64 bits */
        zigzag |= (unsigned long long)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *out = (long long)(zigzag >> 1) ^ -(long long)(zigzag & 1);
            return 0;
        }
    }
    return -1;
}

static inline int read_long(Reading *in, long long *out)
{
    if (in->at < in->end && *in->at < 0x80) {
        unsigned char byte = *in->at++;
        *out = (byte >> 1) ^ -(long long)(byte & 1);
        return 0;
    }
    return read_more(in, out);
}

/* That many bytes, which are there. */
static inline const char *read_span(Reading *in, long long size)
{
    const char *found = (const char *)in->at;
    if (size < 0 || size > left(in))
        return NULL;
    in->at += size;
    return found;
}

static inline const char *read_sized(Reading *in, long long *size)
{
    return read_long(in, size) < 0 ? NULL : read_span(in, *size);
}

static PyObject *read_string(Reading *in)
{
    long long size;
    const char *found = read_sized(in, &size);
    /* What is no UTF-8 becomes U+FFFD, as in Java. */
    return found == NULL ? NULL : PyUnicode_DecodeUTF8(found, (Py_ssize_t)size, "replace");
}

static PyObject *read_bytes(Reading *in, const Node *node)
{
    long long size = node->a;
    const char *found = node->code == C_FIXED || node->code == C_CALL_FIXED ? read_span(in, size)
                                                                            : read_sized(in, &size);
    PyObject *made = found == NULL ? NULL : PyBytes_FromStringAndSize(found, (Py_ssize_t)size);
    if (made == NULL || node->object == Py_None)
        return made;
    PyObject *value = PyObject_CallOneArg(node->object, made);
    Py_DECREF(made);
    return value;
}

static PyObject *read_float(Reading *in, int is_double)
{
    const char *found = read_span(in, is_double ? 8 : 4);
    if (found == NULL)
        return NULL;
    double value = is_double ? PyFloat_Unpack8(found, 1) : PyFloat_Unpack4(found, 1);
    if (value == -1.0 && PyErr_Occurred())
        return NULL;
    return PyFloat_FromDouble(value);
}

/* --- moments ------------------------------------------------------------------------------------ */

/* Days since 1970 as a date of the Gregorian calendar, by years that begin in March. */
static void civil(long long days, int *year, int *month, int *day)
{
    days += 719468; /* since the first of March of the year 0 */
    long long era = (days >= 0 ? days : days - 146096) / 146097;
    int of_era = (int)(days - era * 146097);
    int years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int of_year = of_era - (365 * years + years / 4 - years / 100);
    int months = (5 * of_year + 2) / 153;
    *day = of_year - (153 * months + 2) / 5 + 1;
    *month = months < 10 ? months + 3 : months - 9;
    *year = (int)(era * 400) + years + (*month <= 2);
}

static PyObject *moment(long long millis)
{
    long long days = millis / DAY_MS, rest = millis % DAY_MS;
    int year, month, day;
    if (rest < 0) {
        days -= 1;
        rest += DAY_MS;
    }
    civil(days, &year, &month, &day);
    int ms = (int)rest;
    return PyDateTimeAPI->DateTime_FromDateAndTime(year, month, day, ms / 3600000, ms / 60000 % 60,
                                                   ms / 1000 % 60, ms % 1000 * 1000, PyDateTime_TimeZone_UTC,
                                                   PyDateTimeAPI->DateTimeType);
}

/* Whole numbers. a: 1 if the data may hold only 32 bits; b: bits that the reader keeps of them, or 0. */
static PyObject *read_number(Reading *in, const Node *node)
{
    long long value;
    if (read_long(in, &value) < 0 || (node->a && (value < INT32_MIN || value > INT32_MAX)))
        return NULL;
    if (node->code == C_MOMENT && value >= FIRST_MS && value <= LAST_MS)
        return moment(value);
    if (node->b)
        value = node->b == 8 ? (signed char)value : (short)value;
    PyObject *made = PyLong_FromLongLong(value);
    if (made == NULL || node->object == Py_None)
        return made;
    PyObject *converted = PyObject_CallOneArg(node->object, made);
    Py_DECREF(made);
    return converted;
}

static PyObject *read_enum(Reading *in, const Node *node)
{
    long long index;
    if (read_long(in, &index) < 0 || index < 0 || index >= PyTuple_GET_SIZE(node->object))
        return NULL;
    PyObject *symbol = PyTuple_GET_ITEM(node->object, (Py_ssize_t)index);
    return symbol == Py_None ? NULL : Py_NewRef(symbol);
}

/* --- records ------------------------------------------------------------------------------------ */

static PyObject *new_struct(const Plan *plan, PyObject *schema, PyObject *values)
{
    PyObject *made = plan->struct_type->tp_alloc(plan->struct_type, 0);
    if (made == NULL) {
        Py_DECREF(values);
        return NULL;
    }
    *plan_slot(made, plan->schema_at) = Py_NewRef(schema);
    *plan_slot(made, plan->values_at) = values;
    return made;
}

static PyObject *read_part(Reading *in, const Part *part, long long depth)
{
    if (part->node >= 0)
        return read_node(in, &in->plan->nodes[part->node], depth);
    return part->node == PART_CONSTANT ? Py_NewRef(part->object) : PyObject_CallNoArgs(part->object);
}

/* object: the schema; a: how many values it has; parts: in the writer's order, then what it does not have. */
static PyObject *read_record(Reading *in, const Node *node, long long depth)
{
    PyObject *values = PyList_New((Py_ssize_t)node->a);
    if (values == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < node->count; i++) {
        const Part *part = &node->parts[i];
        PyObject *value = read_part(in, part, depth);
        if (value == NULL) {
            Py_DECREF(values);
            return NULL;
        }
        if (part->slot < 0) {
            Py_DECREF(value);
            continue;
        }
        PyObject *before = PyList_GET_ITEM(values, part->slot);
        PyList_SET_ITEM(values, part->slot, value);
        Py_XDECREF(before); /* two of the writer's fields may be for one of the reader's */
    }
    return new_struct(in->plan, node->object, values);
}

/* A branch as the field of a struct; object: the schema; a: how many values it has. */
static PyObject *read_sum(Reading *in, const Node *node, long long depth)
{
    PyObject *value = read_part(in, &node->parts[0], depth);
    if (value == NULL)
        return NULL;
    PyObject *values = PyList_New((Py_ssize_t)node->a);
    if (values == NULL) {
        Py_DECREF(value);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < node->a; i++)
        PyList_SET_ITEM(values, i, i == node->parts[0].slot ? value : Py_NewRef(Py_None));
    return new_struct(in->plan, node->object, values);
}

/* a: 1 if a branch counts as a level, as it does for what is skipped. */
static PyObject *read_union(Reading *in, const Node *node, long long depth)
{
    long long branch;
    if (read_long(in, &branch) < 0 || branch < 0 || branch >= node->count)
        return NULL;
    if (node->a && depth + 1 > in->plan->depth)
        return NULL;
    return read_part(in, &node->parts[branch], depth);
}

/* --- arrays and maps ---------------------------------------------------------------------------- */

/* How many items follow: no more than the data can hold or the limit allows. a: the fewest bytes of one. */
static int read_count(Reading *in, const Node *node, Py_ssize_t have, long long *count)
{
    long long size;
    if (read_long(in, count) < 0 || *count == LLONG_MIN)
        return -1;
    if (*count < 0) {
        *count = -*count;
        if (read_long(in, &size) < 0)
            return -1;
    }
    if (node->a > 0)
        return *count > left(in) / node->a || *count > in->plan->items - have ? -1 : 0;
    if (*count > in->empties)
        return -1;
    in->empties -= *count;
    return 0;
}

static int read_item(Reading *in, const Node *node, PyObject *list, long long depth)
{
    PyObject *value = read_part(in, &node->parts[0], depth);
    int done = value == NULL ? -1 : PyList_Append(list, value);
    Py_XDECREF(value);
    return done;
}

static int read_pair(Reading *in, const Node *node, PyObject *dict, long long depth)
{
    PyObject *found[2] = {NULL, NULL};
    int done = 0;
    if (node->code == C_MAP) {
        found[0] = read_string(in);
        found[1] = found[0] == NULL ? NULL : read_part(in, &node->parts[0], depth);
    } else { /* entries, whose parts are the writer's fields; slot 0 is the key, 1 the value */
        for (Py_ssize_t i = 0; done == 0 && i < node->count; i++) {
            PyObject *value = read_part(in, &node->parts[i], depth);
            if (value == NULL)
                done = -1;
            else if (node->parts[i].slot < 0)
                Py_DECREF(value);
            else
                Py_XSETREF(found[node->parts[i].slot], value);
        }
    }
    if (done == 0)
        done = found[0] == NULL || found[1] == NULL ? -1 : PyDict_SetItem(dict, found[0], found[1]);
    Py_XDECREF(found[0]);
    Py_XDECREF(found[1]);
    return done;
}

static PyObject *read_items(Reading *in, const Node *node, long long depth)
{
    int is_list = node->code == C_ARRAY;
    PyObject *made = is_list ? PyList_New(0) : PyDict_New();
    long long count;
    if (made == NULL)
        return NULL;
    for (;;) {
        if (read_count(in, node, is_list ? PyList_GET_SIZE(made) : PyDict_GET_SIZE(made), &count) < 0)
            break;
        if (count == 0)
            return made;
        for (; count > 0; count--)
            if ((is_list ? read_item(in, node, made, depth) : read_pair(in, node, made, depth)) < 0)
                break;
        if (count > 0)
            break;
    }
    Py_DECREF(made);
    return NULL;
}

/* What the reader does not want, moved over by Python; returns something. */
static PyObject *skip(Reading *in, const Node *node, long long depth)
{
    PyObject *moved = PyObject_CallFunction(node->object, "OnL", in->source, in->at - in->begin, depth);
    Py_ssize_t at = moved == NULL ? -1 : PyLong_AsSsize_t(moved);
    Py_XDECREF(moved);
    if (at < in->at - in->begin || at > in->end - in->begin)
        return NULL;
    in->at = in->begin + at;
    return Py_NewRef(Py_None);
}

/* --- everything --------------------------------------------------------------------------------- */

static PyObject *read_node(Reading *in, const Node *node, long long depth)
{
    switch (node->code) {
    case C_BOOLEAN: {
        const char *found = read_span(in, 1);
        return found == NULL ? NULL : PyBool_FromLong(*found == 1);
    }
    case C_LONG:
    case C_MOMENT:
    case C_CALL_LONG:
        return read_number(in, node);
    case C_FLOAT:
        return read_float(in, 0);
    case C_DOUBLE:
        return read_float(in, 1);
    case C_STRING:
        return read_string(in);
    case C_BYTES:
    case C_FIXED:
    case C_CALL_BYTES:
    case C_CALL_FIXED:
        return read_bytes(in, node);
    case C_ENUM:
        return read_enum(in, node);
    case C_NULL:
        return Py_NewRef(Py_None);
    case C_UNION:
        return read_union(in, node, depth);
    case C_SUM:
        return read_sum(in, node, depth);
    case C_SKIP:
        return skip(in, node, depth);
    case C_RECORD:
    case C_ARRAY:
    case C_MAP:
    case C_ENTRIES:
        if (++depth > in->plan->depth)
            return NULL;
        return node->code == C_RECORD ? read_record(in, node, depth) : read_items(in, node, depth);
    default: /* C_REFUSE: the schemas as a whole fit, these data do not */
        return NULL;
    }
}

PyObject *avro_decode(PyObject *self, PyObject *const *args, size_t flags, PyObject *names)
{
    Plan *plan = (Plan *)self;
    if (PyVectorcall_NARGS(flags) != 2 || (names != NULL && PyTuple_GET_SIZE(names) > 0)) {
        PyErr_SetString(PyExc_TypeError, "a decoder takes the data and where the value begins");
        return NULL;
    }
    if (!PyBytes_CheckExact(args[0]) || !PyLong_CheckExact(args[1]))
        return avro_fall_back(plan, args);
    Py_ssize_t size = PyBytes_GET_SIZE(args[0]), at = PyLong_AsSsize_t(args[1]);
    if (at < 0 || at > size)
        return avro_fall_back(plan, args);
    const unsigned char *begin = (const unsigned char *)PyBytes_AS_STRING(args[0]);
    Reading in = {plan, args[0], begin + at, begin + size, begin, plan->empties};
    int code = plan->nodes[0].code;
    int contains = code == C_RECORD || code == C_ARRAY || code == C_MAP || code == C_ENTRIES;
    PyObject *value = read_node(&in, &plan->nodes[0], contains ? -1 : 0); /* as the twin counts levels */
    if (value != NULL && plan->strict_end && in.at != in.end)
        Py_CLEAR(value);
    return value != NULL ? value : avro_fall_back(plan, args);
}

static int holds_parts(const Node *node, Py_ssize_t least_node, Py_ssize_t slots)
{
    for (Py_ssize_t i = 0; i < node->count; i++) {
        const Part *part = &node->parts[i];
        if (part->node < least_node || part->slot < -1 || part->slot >= slots)
            return 0;
        if (part->node == PART_MADE && !PyCallable_Check(part->object))
            return 0;
    }
    return 1;
}

/* Whether parts fill every slot: a list must not keep a hole. */
static int fills(const Node *node, Py_ssize_t slots)
{
    Py_ssize_t filled = 0;
    char *seen = PyMem_Calloc((size_t)slots + 1, 1);
    for (Py_ssize_t i = 0; seen != NULL && i < node->count; i++) {
        Py_ssize_t slot = node->parts[i].slot;
        if (slot >= 0 && !seen[slot]) {
            seen[slot] = 1;
            filled++;
        }
    }
    PyMem_Free(seen);
    return filled == slots;
}

const char *avro_check_read(const Plan *plan, const Node *node)
{
    int calls = node->object != Py_None;
    if (calls && node->code <= C_CALL_FIXED && node->code != C_ENUM && !PyCallable_Check(node->object))
        return "its object cannot be called";
    if (node->a < 0 || node->a > plan->items + (1LL << 31))
        return "its first number is out of range";
    switch (node->code) {
    case C_BOOLEAN: case C_FLOAT: case C_DOUBLE: case C_STRING: case C_NULL: case C_REFUSE:
        return node->count == 0 ? NULL : "it has parts";
    case C_BYTES: case C_FIXED:
        return node->count == 0 && !calls ? NULL : "it has parts, or an object";
    case C_LONG:
        return node->count == 0 && !calls && (node->b == 0 || node->b == 8 || node->b == 16)
                   ? NULL : "it has parts, an object or other bits";
    case C_MOMENT: case C_CALL_LONG: case C_CALL_BYTES: case C_CALL_FIXED:
        return node->count == 0 && calls && node->b == 0 ? NULL : "it has parts, or no object";
    case C_ENUM:
        return node->count == 0 && PyTuple_CheckExact(node->object) ? NULL : "it has no tuple of symbols";
    case C_RECORD:
        return holds_parts(node, PART_MADE, (Py_ssize_t)node->a) && fills(node, (Py_ssize_t)node->a)
                   ? NULL : "its parts do not fill its slots";
    case C_SUM:
        return node->count == 1 && holds_parts(node, 0, (Py_ssize_t)node->a) && node->parts[0].slot >= 0
                   ? NULL : "it needs one part";
    case C_ARRAY: case C_MAP:
        return node->count == 1 && holds_parts(node, 0, 1) ? NULL : "it needs one part";
    case C_ENTRIES:
        return holds_parts(node, 0, 2) && fills(node, 2) ? NULL : "it needs a key and a value";
    case C_UNION:
        return holds_parts(node, 0, 1) ? NULL : "its parts must be nodes";
    case C_SKIP:
        return node->count == 0 && PyCallable_Check(node->object) ? NULL : "it needs a function";
    default:
        return "a decoder has no such code";
    }
}
