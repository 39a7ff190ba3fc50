/* What the compiled Avro codec's files share: a plan, which is a list of nodes that name one another.
 *
 * Python makes the plan of a pair of schemas (read_plan.py, write_plan.py); _codec_plan.c checks and holds
 * it; _codec_read.c and _codec_write.c carry it out. Whatever they cannot do, and all that is wrong with a
 * value or with data, they leave to the plan's fallback, the generated Python function of the same schemas:
 * so errors, limits and rare classes of values are those of the twin. They return NULL (or -1) for that,
 * with an exception set only if Python code that they called raised it.
 */
#ifndef CONNECTKIT_AVRO_CODEC_H
#define CONNECTKIT_AVRO_CODEC_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* One part of a node: another node, a place among a struct's values, and an object. -1: none. */
typedef struct {
    Py_ssize_t node;
    Py_ssize_t slot;
    PyObject *object;
} Part;

typedef struct {
    int code;
    long long a, b;
    PyObject *object;
    Py_ssize_t count;
    Part *parts;
} Node;

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *fallback;
    PyTypeObject *struct_type;
    Py_ssize_t schema_at, values_at; /* where an instance holds the two slots of Struct */
    long long depth;                 /* most levels of records, arrays and maps */
    long long items;                 /* most items of one array or map */
    long long empties;               /* most items that take no bytes, in one message */
    int strict_end;                  /* whether data may not go on behind the value */
    Py_ssize_t count;
    Node *nodes;
} Plan;

/* Node codes; plan_codes.py has the same names and numbers. */
enum {
    C_BOOLEAN, C_LONG, C_FLOAT, C_DOUBLE, C_STRING, C_BYTES, C_FIXED, C_ENUM, C_MOMENT,
    C_CALL_LONG, C_CALL_BYTES, C_CALL_FIXED, C_NULL, C_REFUSE,
    C_RECORD, C_ARRAY, C_MAP, C_ENTRIES, C_UNION, C_NULLABLE, C_SUM, C_SKIP,
    CODES
};

/* Parts of a record that are no nodes: the object itself, and what it returns when it is called. */
enum { PART_CONSTANT = -1, PART_MADE = -2 };

/* Milliseconds of the years 1 to 9999, which a datetime can hold. */
#define FIRST_MS (-62135596800000LL)
#define LAST_MS 253402300799999LL
#define DAY_MS 86400000LL

static inline PyObject **plan_slot(PyObject *value, Py_ssize_t offset)
{
    return (PyObject **)((char *)value + offset);
}

/* What is wrong with a node, or NULL: what the loops rely on is checked when a plan is made. */
const char *avro_check_read(const Plan *plan, const Node *node);
const char *avro_check_write(const Plan *plan, const Node *node);

PyObject *avro_decode(PyObject *self, PyObject *const *args, size_t flags, PyObject *names);
PyObject *avro_encode(PyObject *self, PyObject *const *args, size_t flags, PyObject *names);
PyObject *avro_fall_back(Plan *plan, PyObject *const *args);

int avro_read_ready(void);
int avro_write_ready(void);

#endif
