/*
 * coll_rows.h - truth/micro/collectives.csv as questions to kernels/coll.h with
 * the measured answer.
 *
 * A row's group is rebuilt from its columns: NVLink generation and count from
 * `intra`, NICs and their rate from nics_per_node and nic_gbps, the fabric from
 * `inter`. What the source pinned (NCCL_ALGO, NCCL_MIN_CTAS) is read from the
 * notes, because it is part of the question.
 */
#ifndef STC_CALIB_COLL_ROWS_H
#define STC_CALIB_COLL_ROWS_H

#include "kernels/coll.h"
#include "sim/base/arena.h"
#include "sim/base/err.h"

struct stc_coll_row {
    struct stc_group_shape g;
    struct stc_coll_force f;
    enum stc_coll coll;
    double bytes, seconds;
    int row; /* from 1, as validate numbers them */
    uint32_t
        cluster; /* hash of whose machines these were; rows of one cluster leave together */
    char cluster_name[40];
    bool skewed; /* kernel time of a trace: holds the wait for the last rank */
};

struct stc_coll_rows {
    struct stc_coll_row *v; /* in the arena */
    int n;
    int n_all; /* rows of the file, small messages too */
};

/* Rows of at least min_bytes. A row with an unknown GPU, library or collective
 * is an error that names file and line. GPUs are those of hw, else the shipped
 * families; hw NULL: these alone. */
struct stc_hw;
STC_MUST_USE enum stc_err stc_coll_rows_read(struct stc_arena *a,
                                             const struct stc_hw *hw, const char *path,
                                             double min_bytes,
                                             struct stc_coll_rows *out,
                                             struct stc_diag *diag);

#endif
