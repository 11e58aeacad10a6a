#include "plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct stc_suite_info stc_bench_suites[] = {
    {"gemm",
     "matrix products by cuBLASLt: formats, transpositions, batches, short runs",
     "gemm.csv",
     "gpu,dtype,m,n,k,time_us,trans,pass,batch,out_dtype,mode,n_sets,tflops", 1,
     stc_plan_gemm},
    {"gemm_steady", "large products in a long run, thermally steady", "gemm.csv",
     "gpu,dtype,m,n,k,time_us,trans,pass,batch,out_dtype,mode,n_sets,tflops", 1,
     stc_plan_gemm_steady},
    {"membound", "norms, activations, softmax, rotary, loss, embedding, Adam, casts",
     "memory_bound.csv",
     "source,ref,gpu,test,op,value,notes,dtype,rows,cols,bytes,time_us", 1,
     stc_plan_membound},
    {"copy", "copies: device, host to device and back, pinned and pageable",
     "memory_bound.csv",
     "source,ref,gpu,test,op,value,notes,dtype,rows,cols,bytes,time_us", 1,
     stc_plan_copy},
    {"launch", "launches of kernels and graphs, events, memset", "launch.csv",
     "gpu,op,count,time_us,notes", 1, stc_plan_launch},
    {"coll", "NCCL collectives and send/recv over the GPUs of a node or of many",
     "collectives.csv",
     "source,gpu,library,collective,dtype,gpus_per_node,nodes,ranks,intra,inter,"
     "nics_per_node,nic_gbps,bytes,time_us,notes,algo,proto,busbw_GBps",
     2, stc_plan_coll},
    {"overlap", "a product beside copies or collectives: what each loses",
     "overlap.csv",
     "gpu,dtype,m,n,k,partner,partner_bytes,partner_ctas,gemm_alone_us,gemm_with_us,"
     "partner_alone_us,partner_with_us,gemm_rate,partner_rate",
     1, stc_plan_overlap},
    {"clocks", "clocks, power and temperature while a product runs for seconds",
     "clocks.csv", "gpu,dtype,m,n,k,t_s,call_us,tflops", 1, stc_plan_clocks},
};
const int stc_bench_n_suites =
    (int)(sizeof stc_bench_suites / sizeof stc_bench_suites[0]);

/* Rounded from the makers' datasheets, times what large products and copies
 * reach of them (about 0.7 and 0.85); only to tell how long a plan takes. */
static const struct stc_assumed_gpu assumed[] = {
    {"H200", 650e12, 45e12, 4.0e12, 45e9, 1}, {"A100", 230e12, 17e12, 1.6e12, 22e9, 0},
    {"H100", 620e12, 45e12, 2.8e12, 45e9, 1}, {"B200", 1400e12, 60e12, 6.5e12, 45e9, 1},
    {"V100", 90e12, 13e12, 0.75e12, 11e9, 0},
};

const struct stc_assumed_gpu *stc_assumed_find(const char *name)
{
    size_t i;
    if (!name) return &assumed[0];
    for (i = 0; i < sizeof assumed / sizeof assumed[0]; i++) {
        if (strcmp(assumed[i].name, name) == 0) return &assumed[i];
    }
    return NULL;
}

/* ==== the list ==== */

static void write_key(struct stc_case *c)
{
    size_t len;
    char *p;
    int i, last = 0;
    for (i = 0; i < STC_N_DIMS; i++) {
        if (c->d[i] != 0) last = i;
    }
    snprintf(c->key, sizeof c->key, "%s/%s/%s", stc_bench_suites[c->suite].name, c->op,
             stc_num_name(c->num));
    for (i = 0; i <= last; i++) {
        len = strlen(c->key);
        snprintf(c->key + len, sizeof c->key - len, "%c%lld", i == 0 ? '/' : 'x',
                 (long long)c->d[i]);
    }
    for (p = c->key; *p; p++) {
        if (*p == ' ' || *p == ',') *p = '_';
    }
}

/* Grids overlap (a cube is also a layer): the first one stays. */
static int is_planned(const struct stc_plan *plan, const struct stc_case *c)
{
    size_t i;
    for (i = 0; i < plan->n; i++) {
        const struct stc_case *p = &plan->cases[i];
        if (p->suite == c->suite && p->num == c->num &&
            memcmp(p->d, c->d, sizeof p->d) == 0 && strcmp(p->op, c->op) == 0) {
            return 1;
        }
    }
    return 0;
}

int stc_plan_add(struct stc_plan *plan, const struct stc_case *c)
{
    if (is_planned(plan, c)) return 0;
    if (plan->n == plan->n_room) {
        size_t room = plan->n_room ? 2 * plan->n_room : 512;
        struct stc_case *more =
            (struct stc_case *)realloc(plan->cases, room * sizeof *plan->cases);
        if (!more) return -1;
        plan->cases = more;
        plan->n_room = room;
    }
    plan->cases[plan->n] = *c;
    write_key(&plan->cases[plan->n]);
    plan->n++;
    return 0;
}

static int in_list(const char *list, const char *name)
{
    size_t len = strlen(name);
    const char *p = list;
    while (p) {
        if (strncmp(p, name, len) == 0 && (p[len] == ',' || p[len] == '\0')) return 1;
        p = strchr(p, ',');
        if (p) p++;
    }
    return 0;
}

static const char *first_unknown(const char *list)
{
    const char *p = list;
    while (p && *p) {
        size_t len = strcspn(p, ",");
        int i, found = 0;
        for (i = 0; i < stc_bench_n_suites; i++) {
            const char *name = stc_bench_suites[i].name;
            found |= strlen(name) == len && strncmp(name, p, len) == 0;
        }
        if (!found) return p;
        p += len;
        if (*p == ',') p++;
    }
    return NULL;
}

int stc_plan_build(struct stc_plan *plan, const struct stc_plan_opts *o,
                   const char **unknown)
{
    int i;
    *unknown = o->only ? first_unknown(o->only) : NULL;
    if (*unknown) return -1;
    for (i = 0; i < stc_bench_n_suites; i++) {
        const struct stc_suite_info *s = &stc_bench_suites[i];
        int over_all_ranks = strcmp(s->name, "coll") == 0;
        if (o->only && !in_list(o->only, s->name)) continue;
        if (o->multi_node && !over_all_ranks) continue;
        if ((over_all_ranks ? o->n_ranks : o->n_gpus) < s->n_gpus) continue;
        if (s->build(plan, i, o)) {
            stc_plan_free(plan);
            return -1;
        }
    }
    return 0;
}

void stc_plan_free(struct stc_plan *plan)
{
    free(plan->cases);
    plan->cases = NULL;
    plan->n = plan->n_room = 0;
}

/* ==== how long ==== */

double stc_case_call_s(const struct stc_case *c, const struct stc_assumed_gpu *gpu)
{
    const char *suite = stc_bench_suites[c->suite].name;
    double rate = gpu->tensor_flop_per_s, bw = gpu->mem_Bps, flop_s, move_s;
    if (c->num == STC_NUM_F32) rate = gpu->fp32_flop_per_s;
    if (c->num == STC_NUM_TF32) rate *= 0.5;
    if (c->num == STC_NUM_E4M3) rate *= gpu->has_fp8 ? 2 : 1;
    if (strcmp(suite, "copy") == 0 && strncmp(c->op, "device_to_device", 16) != 0) {
        bw = strstr(c->op, "pageable") ? 5e9 : gpu->host_Bps;
    }
    if (strcmp(suite, "coll") == 0) bw = 20e9;
    flop_s = c->flop / rate;
    move_s = c->move_bytes / bw;
    return fmax(flop_s, move_s) + 4e-6;
}

double stc_case_estimate_s(const struct stc_case *c, const struct stc_assumed_gpu *gpu)
{
    double call_s = stc_case_call_s(c, gpu);
    /* Three calls warm up and find the number of calls per sample. */
    return c->overhead_s + 3 * call_s + fmax(c->budget_s, STC_LEAST_SAMPLES * call_s);
}

int stc_inner_calls(double call_s, double least_s, int most)
{
    double n = call_s > 0 ? ceil(least_s / call_s) : most;
    return n < 1 ? 1 : n > most ? most : (int)n;
}

int stc_sample_count(const struct stc_case *c, double sample_s)
{
    double n = sample_s > 0 ? floor(c->budget_s / sample_s) : c->n_samples;
    int count = n > c->n_samples ? c->n_samples : (int)n;
    return count < STC_LEAST_SAMPLES ? STC_LEAST_SAMPLES : count;
}

/* ==== order statistics ==== */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct stc_quantiles stc_quantiles_of(double *x, int n)
{
    struct stc_quantiles q;
    int rank95 = (int)ceil(0.95 * n);
    qsort(x, (size_t)n, sizeof *x, by_value);
    q.min = x[0];
    q.median = n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
    q.p95 = x[rank95 > 0 ? rank95 - 1 : 0];
    return q;
}

/* ==== names ==== */

void stc_gpu_truth_name(const char *driver_name, double mem_bytes, char *out, size_t n)
{
    static const struct {
        const char *part;           /* of the driver's name */
        double least_gib, most_gib; /* memory tells variants apart */
        const char *name;
    } rows[] = {
        {"GB300", 0, 1e9, "GB300-NVL72"},
        {"GB200", 0, 1e9, "GB200-NVL72"},
        {"B300", 0, 1e9, "B300-SXM-288GB"},
        {"B200", 0, 1e9, "B200-SXM-180GB"},
        {"GH200", 0, 1e9, "GH200-96GB"},
        {"H200 NVL", 0, 1e9, "H200-NVL-141GB"},
        {"H200", 0, 1e9, "H200-SXM-141GB"},
        {"H100 PCIe", 0, 1e9, "H100-PCIe-80GB"},
        {"H100 NVL", 0, 1e9, "H100-NVL-94GB"},
        {"H100", 0, 86, "H100-SXM5-80GB"},
        {"H100", 86, 1e9, "H100-SXM5-96GB"},
        {"A100-SXM4-40GB", 0, 1e9, "A100-SXM4-40GB"},
        {"A100-SXM4-80GB", 0, 1e9, "A100-SXM4-80GB"},
        {"A100-PCIE-40GB", 0, 1e9, "A100-PCIe-40GB"},
        {"A100 80GB PCIe", 0, 1e9, "A100-PCIe-80GB"},
        {"V100-SXM2-16GB", 0, 1e9, "V100-SXM2-16GB"},
        {"V100-SXM2-32GB", 0, 1e9, "V100-SXM2-32GB"},
        {"V100-SXM3-32GB", 0, 1e9, "V100-SXM3-32GB"},
        {"L40S", 0, 1e9, "L40S-48GB"},
    };
    size_t i;
    double gib = mem_bytes / 1073741824.0;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strstr(driver_name, rows[i].part) && gib >= rows[i].least_gib &&
            gib < rows[i].most_gib) {
            snprintf(out, n, "%s", rows[i].name);
            return;
        }
    }
    snprintf(out, n, "%s", driver_name);
    for (i = 0; out[i]; i++) {
        if (out[i] == ' ' || out[i] == ',') out[i] = '-';
    }
}
