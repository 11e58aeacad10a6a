#include "kernels/coll.h"

#include <ctype.h>
#include <math.h>

static const struct {
    const char *name, *other;
} colls[STC_COLL_COUNT] = {
#define X(id, name, other, bus, steps) [STC_COLL_##id] = {name, other},
#include "kernels/colls.def"
#undef X
};

static const struct {
    const char *name, *nccl;
} algos[STC_ALGO_COUNT] = {
#define X(id, name, nccl) [STC_ALGO_##id] = {name, nccl},
    STC_COLL_ALGO_MAP(X)
#undef X
};

static const char *const protos[STC_PROTO_COUNT] = {"LL", "LL128", "Simple"};

static const char *const libs[STC_COLL_LIB_COUNT] = {
#define X(id, name) [STC_COLL_LIB_##id] = name,
    STC_COLL_LIB_MAP(X)
#undef X
};

/* Same letters, whatever the case; '-' and '_' are not looked at, so that
 * all-reduce, all_reduce and AllReduce are one word. */
static bool same_word(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a == '-' || *a == '_')
            a++;
        while (*b == '-' || *b == '_')
            b++;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
        if (*a == '\0') return true;
    }
}

const char *stc_coll_name(enum stc_coll c)
{
    return colls[c].name;
}

bool stc_coll_parse(const char *text, enum stc_coll *out)
{
    for (int i = 0; i < STC_COLL_COUNT; i++)
        if (same_word(text, colls[i].name) || same_word(text, colls[i].other)) {
            *out = (enum stc_coll)i;
            return true;
        }
    return false;
}

const char *stc_coll_algo_name(enum stc_coll_algo a)
{
    return a < STC_ALGO_COUNT ? algos[a].name : "auto";
}

bool stc_coll_algo_parse(const char *text, enum stc_coll_algo *out)
{
    if (same_word(text, "auto")) {
        *out = STC_ALGO_AUTO;
        return true;
    }
    for (int i = 0; i < STC_ALGO_COUNT; i++)
        if (same_word(text, algos[i].name) ||
            (algos[i].nccl[0] != '-' && same_word(text, algos[i].nccl))) {
            *out = (enum stc_coll_algo)i;
            return true;
        }
    return false;
}

const char *stc_coll_proto_name(enum stc_coll_proto p)
{
    return p < STC_PROTO_COUNT ? protos[p] : "auto";
}

bool stc_coll_proto_parse(const char *text, enum stc_coll_proto *out)
{
    if (same_word(text, "auto")) {
        *out = STC_PROTO_AUTO;
        return true;
    }
    for (int i = 0; i < STC_PROTO_COUNT; i++)
        if (same_word(text, protos[i])) {
            *out = (enum stc_coll_proto)i;
            return true;
        }
    return false;
}

const char *stc_coll_lib_name(enum stc_coll_lib l)
{
    return libs[l];
}

bool stc_coll_lib_parse(const char *text, enum stc_coll_lib *out)
{
    for (int i = 0; i < STC_COLL_LIB_COUNT; i++)
        if (same_word(text, libs[i])) {
            *out = (enum stc_coll_lib)i;
            return true;
        }
    return false;
}

double stc_coll_bus_factor(enum stc_coll coll, int n_ranks)
{
    double n = (double)n_ranks;
    if (n_ranks <= 1) return 0.0;
    switch (coll) {
#define X(id, name, other, bus, steps) \
 case STC_COLL_##id:                   \
  return (bus);
#include "kernels/colls.def"
#undef X
    case STC_COLL_COUNT: break;
    }
    return 0.0;
}

double stc_coll_dedup_frac(int topk, int experts, int n_nodes)
{
    if (n_nodes <= 1 || topk <= 0 || experts <= n_nodes) return 1.0;
    /* A token's top-k experts are drawn without replacement; it misses a given
     * node with probability C(E - E/N, k) / C(E, k). */
    double local = (double)experts / (double)n_nodes;
    double miss = 1.0;
    for (int i = 0; i < topk; i++) {
        double left = (double)experts - local - (double)i;
        double all = (double)experts - (double)i;
        miss *= left > 0.0 && all > 0.0 ? left / all : 0.0;
    }
    double remote = (double)(n_nodes - 1);
    double copies = (double)topk * remote / (double)n_nodes;
    return fmin(1.0, remote * (1.0 - miss) / copies);
}
