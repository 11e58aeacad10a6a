/*
 * validate_course.c - the table of the course's exercises: truth/course.csv.
 *
 * THEORY. It is long: a line is one printed figure of one exercise, its name in
 * `metric`, its value and unit beside it. The exercise, the GPU, the software and
 * the ZeRO stage name the scenario (scenarios/course) that a student would run;
 * the metric names what of its result is compared. What is left out (links,
 * accuracies, served requests, windows with warm-up or a profiler) makes no case;
 * why stands in the row's note.
 *
 * TOLERANCES are the acceptance table of the course's description: 10 to 20 % of a
 * time, 30 % where the host sets the pace, its order where one step was profiled,
 * 5 % of memory.
 */
#include "sim/study/validate_kinds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_OF(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* ==== whose scenario ==== */

/* The first row whose cells begin so; "" fits any. */
static const struct {
    const char *exercise, *gpu, *framework, *zero, *scenario;
} runs[] = {
    {"L1-02a", "A100", "Megatron", "", "l1_02_dp1_a100"},
    {"L1-02b", "A100", "Megatron", "", "l1_02_dp2_a100"},
    {"L1-02a", "V100", "Megatron", "", "l1_02_dp1_v100"},
    {"L1-02b", "V100", "Megatron", "", "l1_02_dp2_v100"},
    {"L1-02a", "A100", "NeMo", "", "l1_02_dp1_nemo"},
    {"L1-02b", "A100", "NeMo", "", "l1_02_dp2_nemo"},
    {"L1-03a", "A100", "Megatron", "", "l1_03_dp4_a100"},
    {"L1-03a", "A100", "NeMo", "", "l1_03_dp4_nemo"},
    {"L1-03b", "A100", "NeMo", "", "l1_03_dp4_nemo"},
    {"L1-03c", "A100", "NeMo", "", "l1_03_oom_nemo"},
    {"L1-03d", "A100", "NeMo", "", "l1_03_tp2pp2_nemo"},
    {"L1-03a", "V100", "Megatron", "", "l1_03_dp4_v100"},
    {"L1-03b", "V100", "Megatron", "", "l1_03_dp4_v100"},
    {"L1-03c", "A100", "Megatron", "", "l1_03_oom_a100"},
    {"L1-03c", "V100", "Megatron", "", "l1_03_oom_v100"},
    {"L1-03d", "A100", "Megatron", "", "l1_03_tp2pp2_a100"},
    {"L1-03d", "V100", "Megatron", "", "l1_03_tp2pp2_v100"},
    {"L1-04a", "V100", "Megatron", "", "l1_04_fp16_v100"},
    {"L1-04b", "V100", "Megatron", "", "l1_04_recompute_v100"},
    {"L1-04c", "V100", "Megatron", "", "l1_04_accumulate_v100"},
    {"L1-04a", "A100", "NeMo", "", "l1_04_fp16_nemo"},
    {"L1-04b", "A100", "NeMo", "", "l1_04_recompute_nemo"},
    {"L1-04c", "A100", "NeMo", "", "l1_04_accumulate_nemo"},
    {"L1-06a", "A100", "DeepSpeed", "", "l1_06_cnn_a100"},
    {"L1-06a", "V100", "DeepSpeed", "", "l1_06_cnn_v100"},
    {"L1-06", "A100", "DeepSpeed", "0", "l1_06_zero0_a100"},
    {"L1-06", "V100", "DeepSpeed", "0", "l1_06_zero0_v100"},
    {"L1-06", "A100", "DeepSpeed", "1", "l1_06_zero1_a100"},
    {"L1-06", "V100", "DeepSpeed", "1", "l1_06_zero1_v100"},
    {"L1-06", "A100", "DeepSpeed", "3", "l1_06_zero3off_a100"},
    {"L1-06", "V100", "DeepSpeed", "3", "l1_06_zero3off_v100"},
    {"L1-07", "A100", "DeepSpeed", "", "l1_07_moe_a100"},
    {"L1-07", "V100", "DeepSpeed", "", "l1_07_moe_v100"},
    {"AS-1", "A100", "torch DataParallel", "", "as_1_a100"},
    {"AS-2", "A100", "DeepSpeed", "", "as_2_a100"},
    {"AS-3", "A100", "DeepSpeed", "", "as_3_a100"},
    {"AS-4", "A100", "DeepSpeed", "", "as_4_a100"},
    {"AS-5", "A100", "DeepSpeed", "", "as_5_a100"},
    {"AS-2", "V100", "DeepSpeed", "", "as_2_v100"},
    {"AS-3", "V100", "DeepSpeed", "", "as_3_v100"},
    {"AS-4", "V100", "DeepSpeed", "", "as_4_v100"},
    {"AS-5", "V100", "DeepSpeed", "", "as_5_v100"},
};

static const char *scenario_of(const char *exercise, const char *gpu,
                               const char *framework, const char *zero)
{
    for (int i = 0; i < N_OF(runs); i++)
        if (strncmp(exercise, runs[i].exercise, strlen(runs[i].exercise)) == 0 &&
            strncmp(gpu, runs[i].gpu, strlen(runs[i].gpu)) == 0 &&
            strncmp(framework, runs[i].framework, strlen(runs[i].framework)) == 0 &&
            strncmp(zero, runs[i].zero, strlen(runs[i].zero)) == 0)
            return runs[i].scenario;
    return "";
}

static enum stc_err put_exercise(const struct stc_vctx *c, const char *cell,
                                 struct stc_scenario *s, struct stc_diag *diag)
{
    const char *name =
        scenario_of(cell, stc_vctx_cell(c, "gpu"), stc_vctx_cell(c, "framework"),
                    stc_vctx_cell(c, "zero"));
    if (!name[0]) return stc_fail(diag, STC_ERR_UNKNOWN, "no scenario");
    return stc_scenario_load_preset(s, name, diag);
}

/* A column that only put_exercise looks at. */
static enum stc_err put_nothing(const struct stc_vctx *c, const char *cell,
                                struct stc_scenario *s, struct stc_diag *diag)
{
    (void)c, (void)cell, (void)s, (void)diag;
    return STC_OK;
}

#define CALL(column_, fn_)                               \
 {                                                       \
  .column = (column_), .conv = STC_VCONV_FN, .fn = (fn_) \
 }
static const struct stc_vcol cols[] = {
    CALL("exercise", put_exercise),
    CALL("gpu", put_nothing),
    CALL("framework", put_nothing),
    CALL("zero", put_nothing),
};

/* ==== what is compared ==== */

static double part_s(const struct stc_result *r, enum stc_part p)
{
    return stc_tick_to_s(r->stages[0].part_ticks[p]);
}

static double kernel_s(const struct stc_result *r)
{
    static const enum stc_part parts[] = {STC_PART_GEMM, STC_PART_ATTENTION,
                                          STC_PART_MEMBOUND, STC_PART_RECOMPUTE,
                                          STC_PART_OPTIMIZER};
    double sum = 0;
    for (int i = 0; i < N_OF(parts); i++)
        sum += part_s(r, parts[i]);
    return sum;
}

static double states(const struct stc_stage_result *s)
{
    return s->mem.bytes[STC_MEM_PARAM] + s->mem.bytes[STC_MEM_GRAD] +
           s->mem.bytes[STC_MEM_OPTIM];
}

/* Only the whole step has an interval. */
#define GET(name, expression)                                                    \
 static void get_##name(const struct stc_result *r, int mem_kind, double *value, \
                        double *lo90, double *hi90)                              \
 {                                                                               \
  (void)mem_kind;                                                                \
  *value = (expression);                                                         \
  *lo90 = *hi90 = (double)NAN;                                                   \
 }
GET(kernel, kernel_s(r))
GET(comm, part_s(r, STC_PART_DP_COMM))
GET(busy, kernel_s(r) + part_s(r, STC_PART_DP_COMM))
GET(allocated, r->peak_bytes[STC_MEMREP_ALLOCATED])
GET(allocated_first, stc_mem_allocated(&r->stages[0].mem))
GET(allocated_last, stc_mem_allocated(&r->stages[r->n_stages - 1].mem))
GET(smi, r->peak_bytes[STC_MEMREP_SMI])
GET(states, states(&r->stages[0]))
GET(held, states(&r->stages[0]) - r->stages[0].mem.bytes[STC_MEM_GRAD])
GET(states_last, states(&r->stages[r->n_stages - 1]))
GET(host, stc_host_sum(&r->host))
GET(too_big, r->fits ? 0 : 1)

static void get_step(const struct stc_result *r, int mem_kind, double *value,
                     double *lo90, double *hi90)
{
    (void)mem_kind;
    *value = r->step_s;
    *lo90 = r->lo90_s;
    *hi90 = r->hi90_s;
}

static void get_samples(const struct stc_result *r, int mem_kind, double *value,
                        double *lo90, double *hi90)
{
    (void)mem_kind;
    *value = r->samples_per_s;
    *lo90 = r->hi90_s > 0 ? r->samples_per_s * r->step_s / r->hi90_s : (double)NAN;
    *hi90 = r->lo90_s > 0 ? r->samples_per_s * r->step_s / r->lo90_s : (double)NAN;
}

/* clang-format off: one row a line */
static const struct stc_vquantity quantities[] = {
    {.quantity = "step_time_s",
     .published = "published.step_time",
     .unit = "s",
     .get = get_step},
    {.quantity = "samples_per_s", .get = get_samples},
    {.quantity = "kernels_s", .get = get_kernel},
    {.quantity = "communication_s", .get = get_comm},
    {.quantity = "kernels_and_communication_s", .get = get_busy},
    {.quantity = "allocated_bytes",
     .is_mem = 1,
     .published = "published.peak_mem",
     .unit = "B",
     .get = get_allocated},
    {.quantity = "allocated_first_stage_bytes",
     .is_mem = 1,
     .get = get_allocated_first},
    {.quantity = "allocated_last_stage_bytes", .is_mem = 1, .get = get_allocated_last},
    {.quantity = "nvidia_smi_bytes", .is_mem = 1, .get = get_smi},
    {.quantity = "states_bytes", .is_mem = 1, .get = get_states},
    {.quantity = "weights_and_moments_bytes", .is_mem = 1, .get = get_held},
    {.quantity = "states_last_stage_bytes", .is_mem = 1, .get = get_states_last},
    {.quantity = "host_memory_bytes", .is_mem = 1, .get = get_host},
    {.quantity = "does_not_fit", .is_mem = 1, .get = get_too_big},
};

/* A metric's quantity, or why it is not compared. The first row whose metric
 * begins so and whose framework does. */
static const struct metric {
    const char *metric, *framework, *quantity, *why;
    double scale;
} metrics[] = {
    {"iter_time_first10", "", NULL, "with warm-up", 1},
    {"iter_time", "", "step_time_s", NULL, 1},
    {"step_time", "", "step_time_s", NULL, 1},
    {"optimizer_step_time", "", "step_time_s", NULL, 1},
    {"epoch_time_50000it", "", "step_time_s", NULL,
     60.0 / 50000}, /* minutes of 50,000 steps */
    {"profile_step", "NeMo", "step_time_s", NULL, 1},
    {"profile_step", "", NULL, "the profiler's own work is in it", 1},
    {"trace_steps", "", NULL, "the profiler's own work is in it", 1},
    {"samples_per_s_course", "", NULL, "validation and checkpoints are in it", 1},
    {"rate_", "", NULL, "validation and checkpoints are in it", 1},
    {"samples_per_s", "", "samples_per_s", NULL, 1},
    {"profile_kernel", "NeMo", "kernels_and_communication_s", NULL, 1},
    {"profile_kernel", "", "kernels_s", NULL, 1},
    {"profile_communication_share", "", NULL,
     "a share of a step with the profiler's own work", 1},
    {"profile_communication", "Megatron", "communication_s", NULL, 1},
    {"mem_allocated_rank0", "", "states_bytes", NULL, 1},
    {"mem_allocated_rank1", "", "states_bytes", NULL, 1},
    {"mem_allocated_rank", "", "states_last_stage_bytes", NULL, 1},
    {"mem_allocated", "", "states_bytes", NULL, 1},
    {"mem_after_optimizer_init", "", "weights_and_moments_bytes", NULL, 1},
    {"mem_max_allocated_rank0", "", "allocated_first_stage_bytes", NULL, 1},
    {"mem_max_allocated_rank1", "", "allocated_first_stage_bytes", NULL, 1},
    {"mem_max_allocated_rank", "", "allocated_last_stage_bytes", NULL, 1},
    {"mem_max_allocated", "", "allocated_bytes", NULL, 1},
    {"mem_peak_profiler", "", "allocated_first_stage_bytes", NULL, 1}, /* of rank 0 */
    {"mem_peak", "", "allocated_bytes", NULL, 1},
    {"smi_memory", "", "nvidia_smi_bytes", NULL, 1},
    {"cpu_virtual_memory_used", "", "host_memory_bytes", NULL, 1},
    {"oom", "", "does_not_fit", NULL, 1},
};
/* clang-format on */

/* Words of a row's own note by which the table says that a figure is not sound. */
static const char *const doubts[] = {"SUSPECT", "another interactive job",
                                     "profiler on"};

/* GB of PyTorch, DeepSpeed and the notebooks are 2^30; the profiler's MB 2^20. */
static const struct {
    const char *unit;
    double scale;
} units[] = {{"ms", 1e-3},     {"us", 1e-6},       {"MiB", 1048576},
             {"MB", 1048576},  {"GB", 1073741824}, {"GiB", 1073741824},
             {"samples/s", 1}, {"s", 1},           {"", 1}};

/* "3907.6 / 3870.1 / 3844.5", "20.3 then 18.73 s", "~1024": the mean. */
static double mean_of(const char *text)
{
    double sum = 0;
    int n = 0;
    while (*(text += strcspn(text, "0123456789"))) {
        char *end;
        sum += strtod(text, &end);
        n++;
        text = end;
    }
    return n > 0 ? sum / n : 0;
}

/* ==== how near ==== */

/* The first row whose exercise begins so. A time's share, or from 1 on the factor
 * either way: 10^0.5 says "its order". */
static const struct {
    const char *exercise;
    double time, memory;
} tolerances[] = {
    {"L1-02", 0.10, 0.05}, {"L1-03d", 0.15, 0.05}, {"L1-03", 0.10, 0.05},
    {"L1-04", 0.15, 0.05}, {"L1-06a", 0.30, 0.05}, {"L1-06", 3.1623, 0.05},
    {"L1-07", 0.30, 0.05}, {"AS-", 0.20, 0.05},
};

static double tolerance(const char *exercise, int is_mem)
{
    for (int i = 0; i < N_OF(tolerances); i++)
        if (strncmp(exercise, tolerances[i].exercise, strlen(tolerances[i].exercise)) ==
            0)
            return is_mem ? tolerances[i].memory : tolerances[i].time;
    return (double)NAN;
}

/* ==== a line ==== */

static const char *cell(const struct stc_csv *csv, const char *column)
{
    return stc_csv_text(csv, stc_csv_col(csv, column));
}

static const struct metric *metric_of(const char *name, const char *framework)
{
    for (int i = 0; i < N_OF(metrics); i++)
        if (strncmp(name, metrics[i].metric, strlen(metrics[i].metric)) == 0 &&
            strncmp(framework, metrics[i].framework, strlen(metrics[i].framework)) == 0)
            return &metrics[i];
    return NULL;
}

static void add_case(const struct stc_csv *csv, const struct metric *m,
                     struct stc_vrow *row)
{
    const struct stc_vquantity *q = quantities;
    const char *unit = cell(csv, "unit");
    double v = strcmp(m->metric, "oom") == 0 ? 1 : mean_of(cell(csv, "value")), si = 0;
    for (int i = 0; i < N_OF(units); i++)
        if (strcmp(units[i].unit, unit) == 0) si = units[i].scale;
    while (strcmp(q->quantity, m->quantity) != 0)
        q++;
    row->mem_kind = "as printed";
    row->cases[row->n_cases++] =
        (struct stc_vcase){.quantity = q->quantity,
                           .is_mem = q->is_mem,
                           .measured = v * si * m->scale,
                           .predicted = (double)NAN,
                           .plain = (double)NAN,
                           .lo90 = (double)NAN,
                           .hi90 = (double)NAN,
                           .tolerance = tolerance(cell(csv, "exercise"), q->is_mem)};
}

static enum stc_err read_line(const struct stc_csv *csv, struct stc_vrow *row,
                              struct stc_diag *diag)
{
    const char *framework = cell(csv, "framework"), *note = cell(csv, "quality_note");
    const struct metric *m = metric_of(cell(csv, "metric"), framework);
    (void)diag;
    row->scenario = scenario_of(cell(csv, "exercise"), cell(csv, "gpu"), framework,
                                cell(csv, "zero"));
    if (!row->scenario[0]) {
        row->why_not = "no training step of a scenario";
        return STC_OK;
    }
    row->why_not = m ? m->why : "not a figure that a forecast has";
    for (int i = 0; i < N_OF(doubts); i++)
        if (strstr(note, doubts[i])) row->why_not = "its own note doubts it";
    if (!row->why_not) add_case(csv, m, row);
    return STC_OK;
}

static const char *const signature[] = {"exercise", "metric",       "value",
                                        "unit",     "quality_note", NULL};
static const char *const group[] = {"exercise", NULL};
const struct stc_vkind stc_vkind_course = {.name = "course",
                                           .title = "Time",
                                           .signature = signature,
                                           .group = group,
                                           .cols = cols,
                                           .n_cols = N_OF(cols),
                                           .quantities = quantities,
                                           .n_quantities = N_OF(quantities),
                                           .read_line = read_line};
