/* The module connectkit.converters.avro._codec: plans, checked when they are made, and its two types.
 *
 * Decoder(nodes, struct, *, depth, items, empties, strict_end, fallback)(data, at) reads a value,
 * Encoder(the same)(value, prefix) writes one. A node is (code, a, b, object, ((node, slot, object), ...)).
 */
#include "_codec.h"
#include <structmember.h>

#define CODEC_VERSION 1 /* with the plans' meaning; plan_codes.py says which it makes */

static void clear_nodes(Plan *plan)
{
    for (Py_ssize_t i = 0; i < plan->count; i++) {
        Node *node = &plan->nodes[i];
        Py_CLEAR(node->object);
        for (Py_ssize_t j = 0; j < node->count; j++)
            Py_CLEAR(node->parts[j].object);
    }
}

static int plan_clear(PyObject *self)
{
    Plan *plan = (Plan *)self;
    Py_CLEAR(plan->fallback);
    Py_CLEAR(plan->struct_type);
    clear_nodes(plan);
    return 0;
}

static int plan_traverse(PyObject *self, visitproc visit, void *arg)
{
    Plan *plan = (Plan *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(plan->fallback);
    Py_VISIT(plan->struct_type);
    for (Py_ssize_t i = 0; i < plan->count; i++) {
        Node *node = &plan->nodes[i];
        Py_VISIT(node->object);
        for (Py_ssize_t j = 0; j < node->count; j++)
            Py_VISIT(node->parts[j].object);
    }
    return 0;
}

static void plan_dealloc(PyObject *self)
{
    Plan *plan = (Plan *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    plan_clear(self);
    for (Py_ssize_t i = 0; i < plan->count; i++)
        PyMem_Free(plan->nodes[i].parts);
    PyMem_Free(plan->nodes);
    type->tp_free(self);
    Py_DECREF(type);
}

/* Where instances of exactly this type hold the slot of that name; -1 with an exception if it is none. */
static Py_ssize_t slot_offset(PyTypeObject *type, const char *name)
{
    PyObject *found = NULL;
    if (PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) /* others need not have their dict there */
        found = PyDict_GetItemString(type->tp_dict, name);
    if (found == NULL || !Py_IS_TYPE(found, &PyMemberDescr_Type)
        || ((PyDescrObject *)found)->d_type != type
        || ((PyMemberDescrObject *)found)->d_member->type != T_OBJECT_EX) {
        PyErr_Format(PyExc_TypeError, "the struct type has no slot %s", name);
        return -1;
    }
    return ((PyMemberDescrObject *)found)->d_member->offset;
}

static int read_part(Part *part, PyObject *from)
{
    PyObject *object;
    if (!PyTuple_CheckExact(from) || !PyArg_ParseTuple(from, "nnO", &part->node, &part->slot, &object)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "a part of a node is a tuple of three");
        return -1;
    }
    part->object = Py_NewRef(object);
    return 0;
}

static int read_node(Node *node, PyObject *from)
{
    PyObject *object, *parts;
    if (!PyTuple_CheckExact(from)
        || !PyArg_ParseTuple(from, "iLLOO!", &node->code, &node->a, &node->b, &object, &PyTuple_Type, &parts)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "a node is a tuple of five");
        return -1;
    }
    node->object = Py_NewRef(object);
    node->parts = PyMem_Calloc(PyTuple_GET_SIZE(parts) + 1, sizeof(Part));
    if (node->parts == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (; node->count < PyTuple_GET_SIZE(parts); node->count++)
        if (read_part(&node->parts[node->count], PyTuple_GET_ITEM(parts, node->count)) < 0)
            return -1;
    return 0;
}

/* Unions hold sums, sums hold what is neither. So all that can go round and round are records, arrays and
 * maps, whose levels are counted. */
static int rank(const Node *node)
{
    return node->code == C_UNION ? 2 : node->code == C_SUM || node->code == C_NULLABLE ? 1 : 0;
}

static const char *check_parts(const Plan *plan, const Node *node)
{
    for (Py_ssize_t i = 0; i < node->count; i++) {
        Py_ssize_t found = node->parts[i].node;
        if (found >= plan->count)
            return "it names a node that is not there";
        if (found >= 0 && rank(node) > 0 && rank(&plan->nodes[found]) >= rank(node))
            return "a union stands in a union";
    }
    return NULL;
}

static int read_nodes(Plan *plan, PyObject *nodes, const char *(*check)(const Plan *, const Node *))
{
    Py_ssize_t size = PyList_GET_SIZE(nodes);
    plan->nodes = PyMem_Calloc(size + 1, sizeof(Node));
    if (plan->nodes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < size && i < PyList_GET_SIZE(nodes); i++) {
        plan->count = i + 1; /* it may be there in part, and is then freed in part */
        if (read_node(&plan->nodes[i], PyList_GET_ITEM(nodes, i)) < 0)
            return -1;
    }
    if (plan->count == 0) {
        PyErr_SetString(PyExc_ValueError, "a plan has at least one node");
        return -1;
    }
    for (Py_ssize_t i = 0; i < plan->count; i++) {
        const Node *node = &plan->nodes[i];
        const char *wrong = check(plan, node);
        if (wrong == NULL)
            wrong = check_parts(plan, node);
        if (wrong != NULL) {
            PyErr_Format(PyExc_ValueError, "node %zd (code %d) is none: %s", i, node->code, wrong);
            return -1;
        }
    }
    return 0;
}

static PyObject *plan_new(PyTypeObject *type, PyObject *args, PyObject *kwargs, vectorcallfunc call,
                          const char *(*check)(const Plan *, const Node *))
{
    static char *names[] = {"nodes", "struct", "depth", "items", "empties", "strict_end", "fallback", NULL};
    PyObject *nodes, *struct_type, *fallback;
    Plan *plan = (Plan *)type->tp_alloc(type, 0);
    if (plan == NULL)
        return NULL;
    plan->call = call;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!$LLLpO", names, &PyList_Type, &nodes, &PyType_Type,
                                     &struct_type, &plan->depth, &plan->items, &plan->empties,
                                     &plan->strict_end, &fallback))
        goto failed;
    plan->struct_type = (PyTypeObject *)Py_NewRef(struct_type);
    plan->fallback = Py_NewRef(fallback);
    if ((plan->schema_at = slot_offset(plan->struct_type, "schema")) < 0
        || (plan->values_at = slot_offset(plan->struct_type, "values")) < 0)
        goto failed;
    if (read_nodes(plan, nodes, check) < 0)
        goto failed;
    return (PyObject *)plan;
failed:
    Py_DECREF(plan);
    return NULL;
}

static PyObject *decoder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return plan_new(type, args, kwargs, avro_decode, avro_check_read);
}

static PyObject *encoder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return plan_new(type, args, kwargs, avro_encode, avro_check_write);
}

/* The twin's answer, unless what came in between is none of a value's business (or there is no memory). */
PyObject *avro_fall_back(Plan *plan, PyObject *const *args)
{
    if (PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_MemoryError) || !PyErr_ExceptionMatches(PyExc_Exception))
            return NULL;
        PyErr_Clear();
    }
    return PyObject_Vectorcall(plan->fallback, args, 2, NULL);
}

static PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Plan, call), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

#define SLOTS(NEW, DOC)                                                                                      \
    {                                                                                                        \
        {Py_tp_new, NEW}, {Py_tp_dealloc, plan_dealloc}, {Py_tp_traverse, plan_traverse},                    \
            {Py_tp_clear, plan_clear}, {Py_tp_call, PyVectorcall_Call}, {Py_tp_members, members},            \
            {Py_tp_doc, DOC}, {0, NULL},                                                                     \
    }

static PyType_Slot decoder_slots[] =
    SLOTS(decoder_new, "decoder(data, at): the value that begins there, as its plan says.");
static PyType_Slot encoder_slots[] =
    SLOTS(encoder_new, "encoder(value, prefix): the prefix and, behind it, the value, as its plan says.");

#define FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_IMMUTABLETYPE)

static PyType_Spec decoder_spec = {
    "connectkit.converters.avro._codec.Decoder", sizeof(Plan), 0, FLAGS, decoder_slots};
static PyType_Spec encoder_spec = {
    "connectkit.converters.avro._codec.Encoder", sizeof(Plan), 0, FLAGS, encoder_slots};

static int add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    int done = type == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)type);
    Py_XDECREF(type);
    return done;
}

static int module_exec(PyObject *module)
{
    if (avro_read_ready() < 0 || avro_write_ready() < 0)
        return -1;
    if (add_type(module, &decoder_spec) < 0 || add_type(module, &encoder_spec) < 0)
        return -1;
    return PyModule_AddIntConstant(module, "VERSION", CODEC_VERSION);
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_codec",
    .m_doc = "The compiled Avro codec; native.py says when it is used.",
    .m_size = 0,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__codec(void)
{
    return PyModuleDef_Init(&module_def);
}
