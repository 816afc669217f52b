/* Trees walked for some rows: what trees.py and oblivious.py do in numpy, with the same bits.
 *
 * Rows are float32 in C order. Sums run tree by tree in float64; nothing is reordered or fused
 * (-ffp-contract=off), so that a row's bits depend neither on the rows beside it nor on the
 * processor. Callers check what the numbers mean; here it is checked that they lie in bounds. No
 * array may be changed, or overlap with out, while it is walked. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define PREFETCH(place) __builtin_prefetch(place)
#else
#define PREFETCH(place) ((void)0)
#endif

enum { BLOCK = 8 }; /* rows whose answers to one question are worked out together */
enum { TOGETHER = 32 }; /* trees whose leaves are fetched together */
enum { TURNS = 16 }; /* trees that a row walks by turns */
enum { LONG = 64 }; /* rows from which on other threads may run meanwhile */

static int
take(PyObject *object, Py_buffer *view, Py_ssize_t item, int flags)
{
    if (PyObject_GetBuffer(object, view, flags) < 0) {
        view->obj = NULL;
        return -1;
    }
    if (item && view->itemsize != item) {
        PyErr_Format(PyExc_ValueError, "items of %zd bytes, wanted %zd", view->itemsize, item);
        return -1;
    }
    return 0;
}

static void
release(Py_buffer *views, int count)
{
    for (int i = 0; i < count; i++)
        if (views[i].obj != NULL)
            PyBuffer_Release(&views[i]);
}

static Py_ssize_t
items(const Py_buffer *view)
{
    return view->len / view->itemsize;
}

/* The answers' bits of one tree are its leaf; x is [columns][BLOCK]. The leaves of some trees are
 * asked for before any is added: they lie too far apart for the processor to foresee. */
static void
oblivious_block(const float *x, const uint16_t *column, const float *border, const uint8_t *size,
                Py_ssize_t trees, const double *leaf, double *sum)
{
    for (Py_ssize_t first = 0; first < trees; first += TOGETHER) {
        const Py_ssize_t end = first + TOGETHER < trees ? first + TOGETHER : trees;
        const double *found[TOGETHER][BLOCK];
        for (Py_ssize_t t = first; t < end; t++) {
            uint32_t at[BLOCK] = {0};
            const int questions = size[t];
            for (int q = 0; q < questions; q++) {
                const float *own = x + (size_t)column[q] * BLOCK;
                const float limit = border[q];
                const uint32_t bit = (uint32_t)1 << q;
                for (int r = 0; r < BLOCK; r++)
                    at[r] |= own[r] > limit ? bit : 0;
            }
            for (int r = 0; r < BLOCK; r++) {
                found[t - first][r] = leaf + at[r];
                PREFETCH(leaf + at[r]);
            }
            column += questions;
            border += questions;
            leaf += (size_t)1 << questions;
        }
        for (Py_ssize_t t = 0; t < end - first; t++)
            for (int r = 0; r < BLOCK; r++)
                sum[r] += *found[t][r];
    }
}

static void
oblivious_rows(const float *row, Py_ssize_t rows, Py_ssize_t width, float *x,
               const uint16_t *column, const float *border, const uint8_t *size,
               Py_ssize_t trees, const double *leaf, double *out)
{
    for (Py_ssize_t first = 0; first < rows; first += BLOCK) {
        const Py_ssize_t count = rows - first < BLOCK ? rows - first : BLOCK;
        double sum[BLOCK] = {0};
        for (Py_ssize_t r = 0; r < BLOCK; r++) {
            const float *own = row + (first + (r < count ? r : 0)) * width;
            for (Py_ssize_t c = 0; c < width; c++)
                x[c * BLOCK + r] = own[c];
        }
        oblivious_block(x, column, border, size, trees, leaf, sum);
        for (Py_ssize_t r = 0; r < count; r++)
            out[first + r] = sum[r];
    }
}

PyDoc_STRVAR(oblivious_doc,
"oblivious(rows, columns, borders, sizes, leaves, out)\n--\n\n"
"Sum of the leaves of oblivious trees, float64 (rows,), into out.\n\n"
"rows is float32 (rows, width); columns, uint16, and borders, float32, are the trees' questions\n"
"one after the other, sizes, uint8, how many each tree asks; leaves is float64.");

static PyObject *
oblivious(PyObject *self, PyObject *const *args, Py_ssize_t given)
{
    enum { ROWS, COLUMNS, BORDERS, SIZES, LEAVES, OUT, COUNT };
    static const Py_ssize_t item[COUNT] = {4, 2, 4, 1, 8, 8};
    Py_buffer view[COUNT] = {{0}};
    float *x = NULL;
    (void)self;
    if (given != COUNT)
        return PyErr_Format(PyExc_TypeError, "oblivious takes %d arrays", COUNT);
    for (int i = 0; i < COUNT; i++)
        if (take(args[i], &view[i], item[i], i == OUT ? PyBUF_CONTIG : PyBUF_CONTIG_RO) < 0)
            goto failed;
    if (view[ROWS].ndim != 2) {
        PyErr_SetString(PyExc_ValueError, "rows must have two dimensions");
        goto failed;
    }
    const Py_ssize_t rows = view[ROWS].shape[0], width = view[ROWS].shape[1];
    const Py_ssize_t trees = items(&view[SIZES]), questions = items(&view[COLUMNS]);
    const uint16_t *column = view[COLUMNS].buf;
    const uint8_t *size = view[SIZES].buf;
    Py_ssize_t asked = 0, leaves = 0;
    for (Py_ssize_t t = 0; t < trees; t++) {
        if (size[t] > 16) {
            PyErr_SetString(PyExc_ValueError, "a tree of more than 16 questions");
            goto failed;
        }
        asked += size[t];
        leaves += (Py_ssize_t)1 << size[t];
    }
    uint16_t last = 0;
    for (Py_ssize_t q = 0; q < questions; q++)
        last = column[q] > last ? column[q] : last;
    if (asked != questions || questions != items(&view[BORDERS]) ||
        leaves != items(&view[LEAVES]) || rows != items(&view[OUT]) ||
        (questions && last >= width)) {
        PyErr_SetString(PyExc_ValueError, "rows and trees do not fit together");
        goto failed;
    }
    x = PyMem_RawMalloc((size_t)(width ? width : 1) * BLOCK * sizeof(float));
    if (x == NULL) {
        PyErr_NoMemory();
        goto failed;
    }
    PyThreadState *state = rows >= LONG ? PyEval_SaveThread() : NULL;
    oblivious_rows(view[ROWS].buf, rows, width, x, column, view[BORDERS].buf, size, trees,
                   view[LEAVES].buf, view[OUT].buf);
    if (state != NULL)
        PyEval_RestoreThread(state);
    PyMem_RawFree(x);
    release(view, COUNT);
    Py_RETURN_NONE;
failed:
    release(view, COUNT);
    return NULL;
}

/* Nodes in memory: each field with the bytes from one node's to the next's. */
typedef struct {
    const char *feature, *threshold, *left, *missing_left;
    Py_ssize_t feature_step, threshold_step, left_step, missing_step, count;
} Nodes;

/* The leaves that a row comes to in some trees, in the place of their roots; 0 where a node leads
 * out of the arrays. The trees take turns, so that none waits for another's memory. */
static int
walk(const float *row, Py_ssize_t width, const Nodes *nodes, int32_t *node, int trees,
     Py_ssize_t depth)
{
    for (int k = 0; k < trees; k++)
        if (node[k] < 0 || node[k] >= nodes->count)
            return 0;
    for (Py_ssize_t step = 0; step <= depth; step++) {
        int moved = 0;
        for (int k = 0; k < trees; k++) {
            const Py_ssize_t own = node[k];
            const int32_t next = *(const int32_t *)(nodes->left + own * nodes->left_step);
            const int32_t at = *(const int32_t *)(nodes->feature + own * nodes->feature_step);
            const float limit = *(const float *)(nodes->threshold + own * nodes->threshold_step);
            const int stays_left = nodes->missing_left[own * nodes->missing_step] != 0;
            if (at < 0 || at >= width)
                return 0;
            const float value = row[at];
            const int right = (value > limit) | ((value != value) & !stays_left);
            const int64_t after = (int64_t)next + (next != own) * right;
            if (next < 0 || after >= nodes->count)
                return 0;
            moved |= after != own;
            node[k] = (int32_t)after;
        }
        if (!moved)
            return 1;
    }
    return 0;
}

PyDoc_STRVAR(forest_doc,
"forest(rows, feature, threshold, left, missing_left, value, roots, depth, out)\n--\n\n"
"Sum of the leaves of binary trees, float64 (rows,), into out.\n\n"
"The arrays are those of trees.TreeArrays; value is float32 or float64.");

static PyObject *
forest(PyObject *self, PyObject *const *args, Py_ssize_t given)
{
    enum { ROWS, FEATURE, THRESHOLD, LEFT, MISSING, VALUE, ROOTS, DEPTH, OUT, COUNT };
    static const Py_ssize_t item[COUNT] = {4, 4, 4, 4, 1, 0, 4, 0, 8};
    Py_buffer view[COUNT] = {{0}};
    (void)self;
    if (given != COUNT)
        return PyErr_Format(PyExc_TypeError, "forest takes %d values", COUNT);
    Py_ssize_t depth = PyNumber_AsSsize_t(args[DEPTH], PyExc_OverflowError);
    if (depth == -1 && PyErr_Occurred())
        return NULL;
    for (int i = 0; i < COUNT; i++) {
        if (i == DEPTH)
            continue;
        const int flags = i == OUT                         ? PyBUF_CONTIG
                          : FEATURE <= i && i <= MISSING ? PyBUF_STRIDED_RO
                                                           : PyBUF_CONTIG_RO;
        if (take(args[i], &view[i], item[i], flags) < 0)
            goto failed;
    }
    const Py_ssize_t trees = items(&view[ROOTS]), single = view[VALUE].itemsize == 4;
    int fit = view[ROWS].ndim == 2 && (single || view[VALUE].itemsize == 8) &&
              view[ROWS].shape[0] == items(&view[OUT]);
    for (int i = FEATURE; i <= VALUE; i++)
        fit = fit && view[i].ndim == 1 && items(&view[i]) == items(&view[LEFT]);
    if (!fit) {
        PyErr_SetString(PyExc_ValueError, "rows and trees do not fit together");
        goto failed;
    }
    const Nodes nodes = {
        .feature = view[FEATURE].buf, .feature_step = view[FEATURE].strides[0],
        .threshold = view[THRESHOLD].buf, .threshold_step = view[THRESHOLD].strides[0],
        .left = view[LEFT].buf, .left_step = view[LEFT].strides[0],
        .missing_left = view[MISSING].buf, .missing_step = view[MISSING].strides[0],
        .count = items(&view[LEFT]),
    };
    if (depth > nodes.count) /* no way is longer */
        depth = nodes.count;
    const Py_ssize_t rows = view[ROWS].shape[0], width = view[ROWS].shape[1];
    const int32_t *root = view[ROOTS].buf;
    double *out = view[OUT].buf;
    int lost = 0;
    PyThreadState *state = rows >= LONG ? PyEval_SaveThread() : NULL;
    for (Py_ssize_t r = 0; r < rows && !lost; r++) {
        const float *row = (const float *)view[ROWS].buf + r * width;
        double sum = 0;
        for (Py_ssize_t t = 0; t < trees && !lost; t += TURNS) {
            const int count = trees - t < TURNS ? (int)(trees - t) : TURNS;
            int32_t node[TURNS];
            memcpy(node, root + t, (size_t)count * sizeof(int32_t));
            lost = !walk(row, width, &nodes, node, count, depth);
            for (int k = 0; k < count && !lost; k++)
                sum += single ? ((const float *)view[VALUE].buf)[node[k]]
                              : ((const double *)view[VALUE].buf)[node[k]];
        }
        out[r] = sum;
    }
    if (state != NULL)
        PyEval_RestoreThread(state);
    if (lost) {
        PyErr_SetString(PyExc_ValueError, "a node leads out of its tree");
        goto failed;
    }
    release(view, COUNT);
    Py_RETURN_NONE;
failed:
    release(view, COUNT);
    return NULL;
}

static PyMethodDef methods[] = {
    {"oblivious", (PyCFunction)(void (*)(void))oblivious, METH_FASTCALL, oblivious_doc},
    {"forest", (PyCFunction)(void (*)(void))forest, METH_FASTCALL, forest_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_walk",
    .m_doc = "Trees walked in compiled code.",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC
PyInit__walk(void)
{
    PyObject *made = PyModule_Create(&module);
    /* What walk.py asks for: one built of other sources would take other arguments. */
    if (made != NULL && PyModule_AddIntConstant(made, "VERSION", 1) < 0) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}
