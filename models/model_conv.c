/* Convolutional nets: rows spelt out, counted. */
#include "models/model.h"

/* A walk along the rows. */
struct walk {
    struct stc_conv *out;
    int n;
    int32_t channels, side; /* of the tensor at hand; 1-D nets: side is the length */
    int flat;               /* behind the first linear layer */
    int one_d;
};

static int32_t after(int32_t side, int32_t kernel, int32_t stride, int32_t padding)
{
    int32_t n = (side + 2 * padding - kernel) / (stride > 0 ? stride : 1) + 1;
    return n > 0 ? n : 1;
}

static struct stc_conv *add(struct walk *w, int32_t in, int32_t out, int32_t kernel,
                            int32_t side)
{
    if (w->n == STC_MAX_CONVS) {
        return &w->out[STC_MAX_CONVS - 1];
    }
    struct stc_conv *c = &w->out[w->n++];
    *c = (struct stc_conv){.in = in,
                           .out = out,
                           .kernel = kernel,
                           .places = w->one_d ? side : side * side};
    return c;
}

static void bottleneck(struct walk *w, int32_t out, int32_t stride)
{
    int32_t mid = out / 4, in = w->channels, side = after(w->side, 3, stride, 1);
    if (in != out || stride != 1) { /* the shortcut is a product of its own */
        add(w, in, out, 1, side)->norm = 1;
    }
    add(w, in, mid, 1, w->side)->norm = 1;
    add(w, mid, mid, 3, side)->norm = 1;
    add(w, mid, out, 1, side)->norm = 1;
    w->channels = out;
    w->side = side;
}

static void row(struct walk *w, const int32_t r[6], int again)
{
    int32_t out = r[1], kernel = r[2], stride = again ? 1 : r[3], padding = r[4];
    struct stc_conv *c;
    switch ((enum stc_net_row)r[0]) {
    case STC_NET_BOTTLENECK: bottleneck(w, out, stride); return;
    case STC_NET_POOL:
        w->side = kernel > 0 ? after(w->side, kernel, stride, padding) : 1;
        if (w->n > 0) {
            w->out[w->n - 1].pool = 1;
        }
        return;
    case STC_NET_EXPERTS:
        c = add(w, w->channels, out, 1, 1);
        c->bias = 1;
        c->experts = kernel;
        w->channels = out;
        return;
    case STC_NET_LINEAR: {
        int32_t in = w->flat ? w->channels
                             : w->channels * (w->one_d ? w->side : w->side * w->side);
        add(w, in, out, 1, 1)->bias = 1;
        w->channels = out;
        w->side = 1;
        w->flat = 1;
        return;
    }
    case STC_NET_CONV:
    case STC_NET_CONV_NORM:
    case STC_NET_CONV_BARE: break;
    }
    w->side = after(w->side, kernel, stride, padding);
    c = add(w, w->channels, out, kernel, w->side);
    c->bias = r[0] == STC_NET_CONV;
    c->norm = r[0] == STC_NET_CONV_NORM;
    w->channels = out;
}

static void walk_all(const struct stc_model *m, double length, struct walk *w)
{
    w->one_d = m->kind == STC_MODEL_AUDIO;
    w->channels = m->channels > 0 ? m->channels : 1;
    w->side = w->one_d ? (int32_t)length : m->image;
    for (int32_t i = 0; i + 6 <= m->n_net; i += 6) {
        for (int32_t k = 0; k < m->net[i + 5]; k++) {
            row(w, &m->net[i], k > 0);
        }
    }
}

int stc_model_convs(const struct stc_model *m, double length,
                    struct stc_conv out[STC_MAX_CONVS])
{
    struct walk w = {.out = out};
    walk_all(m, length, &w);
    return w.n;
}

int32_t stc_model_frames(const struct stc_model *m, double length)
{
    struct stc_conv convs[STC_MAX_CONVS];
    struct walk w = {.out = convs};
    walk_all(m, length, &w);
    return w.side;
}

static double taps(const struct stc_model *m, const struct stc_conv *c)
{
    return m->kind == STC_MODEL_AUDIO ? c->kernel : (double)c->kernel * c->kernel;
}

double stc_model_conv_params(const struct stc_model *m)
{
    struct stc_conv convs[STC_MAX_CONVS];
    int n = stc_model_convs(m, 1e6, convs);
    double p = 0;
    for (int i = 0; i < n; i++) {
        double one = taps(m, &convs[i]) * convs[i].in * convs[i].out +
                     (convs[i].bias ? convs[i].out : 0) +
                     (convs[i].norm ? 2.0 * convs[i].out : 0);
        p += convs[i].experts > 0 ? convs[i].experts * (one + convs[i].in) : one;
    }
    return p;
}

double stc_model_conv_macs(const struct stc_model *m, double length)
{
    struct stc_conv convs[STC_MAX_CONVS];
    int n = stc_model_convs(m, length, convs);
    double macs = 0;
    for (int i = 0; i < n; i++) {
        macs += taps(m, &convs[i]) * convs[i].in * convs[i].out * convs[i].places;
    }
    return macs;
}
