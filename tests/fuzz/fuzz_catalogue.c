/*
 * Reached: scenarios/catalogues.c, hw/catalogue.c, models/catalogue.c, model_read.c,
 * stack.c, bind, doc_yaml, hw/cluster.c.
 * Holds: text that is refused says where; what is accepted has rows that can be found
 * by their own names, machines that resolve or say why not, and a scenario of its
 * first node and model resolves or says why not and stays as it was.
 */
#include "hw/catalogue.h"
#include "models/model.h"
#include "models/stack.h"
#include "scenarios/catalogues.h"
#include "scenarios/scenario.h"
#include "tests/fuzz/fuzz.h"

static void must_find_hardware(const struct stc_hw *hw)
{
    struct stc_diag diag = {""};
    for (size_t i = 0; i < stc_hw_n_gpus(hw); i++) {
        const struct stc_gpu *g = NULL;
        FUZZ_MUST(stc_hw_find_gpu(hw, stc_hw_gpu_at(hw, i)->name, &g, &diag) == STC_OK);
        FUZZ_MUST(g == stc_hw_gpu_at(hw, i) && g->n_sm > 0 && g->mem_bytes > 0);
    }
    for (size_t i = 0; i < stc_hw_n_nodes(hw); i++) {
        const struct stc_gpu *g = NULL;
        const struct stc_hw_node *n = stc_hw_node_at(hw, i);
        struct stc_cluster c;
        struct stc_cluster_ask ask = {.use = n->name, .n_nodes = 2};
        FUZZ_MUST(stc_hw_find_gpu(hw, n->gpu_name, &g, &diag) == STC_OK);
        diag.text[0] = '\0';
        if (stc_cluster_resolve(hw, &ask, &c, &diag) != STC_OK)
            FUZZ_MUST(diag.text[0] != '\0');
        else
            FUZZ_MUST(c.node.n_gpus >= 1 && c.node.n_nics >= 1);
    }
}

static void must_find_entries(const struct stc_catalogues *c)
{
    struct stc_diag diag = {""};
    struct stc_model m;
    struct stc_stack s;
    for (int i = 0; i < c->models.n_own; i++) {
        FUZZ_MUST(stc_model_find(&c->models, c->models.own[i].map->key, &m, &diag) ==
                  STC_OK);
        FUZZ_MUST(stc_model_check(&m, &diag) == STC_OK && stc_model_params(&m) >= 0);
    }
    for (int i = 0; i < c->stacks.n_own; i++)
        FUZZ_MUST(stc_stack_find(&c->stacks, c->stacks.own[i].map->key, &s, &diag) ==
                  STC_OK);
    FUZZ_MUST(stc_model_catalogue_n(&c->models) >= stc_model_catalogue_n(NULL));
    FUZZ_MUST(stc_stack_catalogue_n(&c->stacks) >= stc_stack_catalogue_n(NULL));
}

/* A step with what the text brought, as far as it brought it. */
static void must_resolve_or_stay(const struct stc_catalogues *c)
{
    static struct stc_scenario s, before;
    struct stc_diag diag = {""};
    size_t n = stc_hw_n_nodes(c->hw);
    stc_scenario_init(&s);
    s.catalogues = c;
    snprintf(s.said.model_use, sizeof s.said.model_use, "%s",
             c->models.n_own ? c->models.own[0].map->key : "llama-3-8b");
    snprintf(s.said.c_use, sizeof s.said.c_use, "%s",
             stc_hw_node_at(c->hw, n - 1)->name);
    if (c->stacks.n_own)
        snprintf(s.said.stack_use, sizeof s.said.stack_use, "%s",
                 c->stacks.own[0].map->key);
    before = s;
    if (stc_scenario_resolve(&s, &diag) == STC_OK) return;
    FUZZ_MUST(diag.text[0] != '\0');
    FUZZ_MUST(memcmp(&before, &s, sizeof s) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stc_catalogue_docs docs;
    struct stc_arena a = STC_ARENA_INIT;
    const struct stc_catalogues *c = NULL;
    struct stc_diag diag = {""};
    char *text = fuzz_text(data, size);
    docs.n = 0;
    enum stc_err err = stc_catalogues_parse(&a, "fuzz", text, size, &docs, &diag);
    if (err == STC_OK) err = stc_catalogues_build(&a, &docs, &c, &diag);
    if (err != STC_OK) {
        FUZZ_MUST(strncmp(diag.text, "fuzz:", 5) == 0);
        FUZZ_MUST(strchr(diag.text, '\n') == NULL && c == NULL);
    } else {
        must_find_hardware(c->hw);
        must_find_entries(c);
        must_resolve_or_stay(c);
    }
    stc_arena_free(&a);
    free(text);
    return 0;
}
