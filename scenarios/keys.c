/* keys.c - the key table of a scenario, made from fields.def. */
#include "scenarios/scenario.h"

#include "sim/base/bind.h"

#include <string.h>

/* ORDER: after the leading "auto" (where there is one) as the enums they name. */
static const char *const names_yes[] = {"auto", "no", "yes", NULL};
static const char *const names_off[] = {"off", "on", NULL};
static const char *const names_family[] = {"auto", "gpt",  "llama", "mpt", "bloom",
                                           "moe",  "bert", "t5",    "vit", NULL};
static const char *const names_model_kind[] = {
    "auto", "decoder", "encoder", "encoder-decoder", "vit", "cnn", "audio", NULL};
static const char *const names_mlp[] = {"auto",   "gelu",  "relu", "relu2",
                                        "swiglu", "geglu", NULL};
static const char *const names_norm[] = {"auto", "layernorm", "rmsnorm", NULL};
static const char *const names_pos[] = {"auto",     "learned", "rotary", "alibi",
                                        "relative", "none",    NULL};
static const char *const names_schedule[] = {"auto",  "gpipe", "1f1b", "interleaved",
                                             "zb-h1", "zb-h2", NULL};
static const char *const names_shard[] = {"auto",  "none", "zero1", "zero2",
                                          "zero3", "hsdp", NULL};
static const char *const names_cp[] = {"auto", "ring", "ulysses", NULL};
static const char *const names_recompute[] = {"auto", "none", "selective", "full",
                                              NULL};
static const char *const names_optimizer[] = {"auto",      "adam", "lamb",
                                              "adafactor", "sgd",  NULL};
static const char *const names_comm_overlap[] = {"auto", "none", "dp", "dp+tp", NULL};
static const char *const names_offload[] = {"auto", "none", "optimizer",
                                            "optimizer+parameters", NULL};
static const char *const names_offload_to[] = {"auto", "cpu", "nvme", NULL};
static const char *const names_overlap[] = {"auto", "none", "next", "prev", NULL};
static const char *const names_record[] = {"auto", "totals", "stages", "all", NULL};
static const char *const names_mem_kind[] = {
    "auto", "allocated", "allocated-last-stage", "nvidia-smi", "unstated", NULL};
static const char *const names_dtype[] = {"auto",
#define ROW(id, name, other, act, weight, math) name,
                                          STC_DTYPE_MAP(ROW)
#undef ROW
                                              NULL};
static const char *const names_shape[] = {"auto",
#define ROW(id, text) text,
                                          STC_FABRIC_SHAPE_MAP(ROW)
#undef ROW
                                              NULL};

#define SELF(member) said.member
#define FIELD(section, key, type, member) \
 STC_BIND_FIELD(section, key, type, struct stc_scenario, said.member)
#define K_NAME(section, key, member, bytes, text) \
 {FIELD(section, key, NAME, member), .help = (text)},
#define K_INT(section, key, member, target, dim_, lo, hi, text) \
 {FIELD(section, key, INT, member),                             \
  .dim = STC_DIM_##dim_,                                        \
  .flags = STC_BIND_AUTO,                                       \
  .def = "auto",                                                \
  .min = (lo),                                                  \
  .max = (hi),                                                  \
  .help = (text)},
#define K_REAL(section, key, member, target, dim_, lo, hi, text) \
 {FIELD(section, key, REAL, member),                             \
  .dim = STC_DIM_##dim_,                                         \
  .flags = STC_BIND_AUTO,                                        \
  .def = "auto",                                                 \
  .min = (lo),                                                   \
  .max = (hi),                                                   \
  .help = (text)},
#define K_ENUM(section, key, member, target, names_, text) \
 {FIELD(section, key, ENUM, member), .names = (names_), .def = "auto", .help = (text)},
#define K_FINT(section, key, member, target, def_, lo, hi, text)             \
 {FIELD(section, key, INT, member), .def = (def_), .min = (lo), .max = (hi), \
  .help = (text)},
#define K_FREAL(section, key, member, target, dim_, def_, lo, hi, text) \
 {FIELD(section, key, REAL, member),                                    \
  .dim = STC_DIM_##dim_,                                                \
  .def = (def_),                                                        \
  .min = (lo),                                                          \
  .max = (hi),                                                          \
  .help = (text)},
#define K_FENUM(section, key, member, target, names_, def_, text) \
 {FIELD(section, key, ENUM, member), .names = (names_), .def = (def_), .help = (text)},
#define K_I64(section, key, member, target, def_, lo, hi, text)              \
 {FIELD(section, key, I64, member), .def = (def_), .min = (lo), .max = (hi), \
  .help = (text)},
static const struct stc_bind_row rows[] = {
#include "scenarios/fields.def"
};
#include "scenarios/fields_undef.h"
_Static_assert(STC_N_ELEM(rows) == STC_KEY_COUNT, "one row a key");

static const struct stc_bind_table table = {.what = "scenario",
                                            .rows = rows,
                                            .n_rows = STC_N_ELEM(rows),
                                            .struct_size = sizeof(struct stc_scenario)};

const struct stc_bind_table *stc_scenario_keys(void)
{
    return &table;
}

#define SELF(member) said.member
#define TO(target_, auto_)                              \
 {.offset = offsetof(struct stc_scenario, target_),     \
  .width = sizeof(((struct stc_scenario *)0)->target_), \
  .auto_first = (auto_)},
#define K_NAME(section, key, member, bytes, text)                       TO(said.member, 0)
#define K_INT(section, key, member, target, dim_, lo, hi, text)         TO(target, 0)
#define K_REAL(section, key, member, target, dim_, lo, hi, text)        TO(target, 0)
#define K_ENUM(section, key, member, target, names_, text)              TO(target, 1)
#define K_FINT(section, key, member, target, def_, lo, hi, text)        TO(target, 0)
#define K_FREAL(section, key, member, target, dim_, def_, lo, hi, text) TO(target, 0)
#define K_FENUM(section, key, member, target, names_, def_, text)       TO(target, 0)
#define K_I64(section, key, member, target, def_, lo, hi, text)         TO(target, 0)
static const struct stc_key_target targets[] = {
#include "scenarios/fields.def"
};
#include "scenarios/fields_undef.h"

const struct stc_key_target *stc_scenario_target(int row)
{
    return &targets[row];
}

int stc_scenario_key(const char *key)
{
    static const struct {
        const char *short_form;
        int row;
    } shorts[] = {{"model", STC_KEY_model_use},
                  {"cluster", STC_KEY_c_use},
                  {"stack", STC_KEY_stack_use}};
    for (int i = 0; i < STC_N_ELEM(shorts); i++)
        if (strcmp(key, shorts[i].short_form) == 0) return shorts[i].row;
    return stc_bind_find(&table, key);
}
