/*
 * embed.c - the installed header alone is enough to use the library; compiles as
 * C11 and as C++ (tests/cli/embed.sh). It is the example of sim/stepcast.h.
 */
#include <stdio.h>
#include <stepcast.h>

int main(void)
{
    struct stc_opts o = STC_OPTS_INIT;
    struct stc_diag diag;
    struct stc *sim;
    struct stc_step step;
    if (stc_open(&sim, &o, &diag)) return 1;
    if (stc_load(sim, "gpt3-13b-8xa100", &diag) ||
        stc_set(sim, "layout.tp", "4", &diag) || stc_simulate(sim, &step, &diag)) {
        puts(diag.text);
        stc_close(sim);
        return 1;
    }
    printf("%.3f s, %.1f%% MFU\n", step.step_s, 100 * step.mfu);
    stc_close(sim);
    return 0;
}
