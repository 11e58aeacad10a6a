#include "tests/gen_kineto.h"

static long long op(FILE *f, long long id, double ts)
{
    return fprintf(
        f,
        ",\n  {\n    \"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"aten::mm\", "
        "\"pid\": 77, \"tid\": 77,\n    \"ts\": %.3f, \"dur\": 21.500,\n    "
        "\"args\": {\n      \"External id\": %lld,\"Record function id\": %lld, "
        "\"Concrete Inputs\": [\"\", \"\"], \"Input type\": [\"c10::BFloat16\", "
        "\"c10::BFloat16\"], \"Input Strides\": [[4096, 1], [1, 4096]], \"Input "
        "Dims\": [[4096, 4096], [4096, 4096]], \"Ev Idx\": %lld\n    }\n  }",
        ts, id, id, id);
}

static long long runtime(FILE *f, long long id, double ts)
{
    return fprintf(
        f,
        ",\n  {\n    \"ph\": \"X\", \"cat\": \"cuda_runtime\", \"name\": "
        "\"cudaLaunchKernel\", \"pid\": 77, \"tid\": 77,\n    \"ts\": %.3f, "
        "\"dur\": 4.100,\n    \"args\": {\n      \"External id\": %lld, \"cbid\": "
        "211, \"correlation\": %lld\n    }\n  },\n  {\n    \"ph\": \"s\", \"id\": "
        "%lld, \"pid\": 77, \"tid\": 77, \"ts\": %.3f,\n    \"cat\": \"ac2g\", "
        "\"name\": \"ac2g\"\n  }",
        ts, id, id + 7000000, id + 7000000, ts);
}

static long long kernel(FILE *f, long long id, double ts)
{
    return fprintf(
        f,
        ",\n  {\n    \"ph\": \"X\", \"cat\": \"kernel\", \"name\": "
        "\"nvjet_tst_256x128_64x4_2x1_v_bz_coopA_NNT\", \"pid\": 0, \"tid\": 7,\n    "
        "\"ts\": "
        "%.3f, \"dur\": 100.000,\n    \"args\": {\n      \"External id\": %lld,      "
        "\"queued\": 0, \"device\": 0, \"context\": 1,      \"stream\": 7, "
        "\"correlation\": "
        "%lld,      \"registers per thread\": 168,      \"shared memory\": 213504,     "
        " "
        "\"blocks per SM\": 1.0,      \"grid\": [16, 32, 1],      \"block\": [384, 1, "
        "1]\n    "
        "}\n  }",
        ts, id, id + 7000000);
}

static long long rest(FILE *f, double ts)
{
    return fprintf(
        f,
        ",\n  {\n    \"ph\": \"X\", \"cat\": \"gpu_memcpy\", \"name\": \"Memcpy HtoD "
        "(Pinned "
        "-> Device)\", \"pid\": 0, \"tid\": 7,\n    \"ts\": %.3f, \"dur\": 50.000,\n   "
        " "
        "\"args\": {\n      \"External id\": 0, \"device\": 0, \"stream\": 7, "
        "\"correlation\": "
        "5, \"bytes\": 1048576, \"memory bandwidth (GB/s)\": 20.97\n    }\n  },\n  {\n "
        "   "
        "\"ph\": \"X\", \"cat\": \"kernel\", \"name\": "
        "\"ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
        "\", "
        "\"pid\": 0, \"tid\": 20,\n    \"ts\": %.3f, \"dur\": 900.000,\n    \"args\": "
        "{\n      "
        "\"External id\": 3, \"queued\": 0, \"device\": 0, \"stream\": 20, "
        "\"correlation\": "
        "3, \"Collective name\": \"allreduce\", \"In msg nelems\": 33554432, \"Out msg "
        "nelems\": 33554432, \"Group size\": 16, \"dtype\": \"BFloat16\", \"Process "
        "Group "
        "Ranks\": \"[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]\"\n    }\n  "
        "}",
        ts, ts);
}

long gen_kineto(FILE *f, long long n_bytes)
{
    long steps = 0;
    long long id = 1000, n = 0;
    double ts = 4458676983543.0;
    n += fprintf(f, "{\n  \"schemaVersion\": 1,\n  \"deviceProperties\": [");
    for (int i = 0; i < 8; i++)
        n += fprintf(f,
                     "%s\n    {\"id\": %d, \"name\": \"NVIDIA H100 80GB HBM3\", "
                     "\"totalGlobalMem\": 84942979072, \"numSms\": 132}",
                     i > 0 ? "," : "", i);
    n += fprintf(f, "\n  ],\n  \"traceEvents\": [\n  {\"ph\": \"M\", \"name\": "
                    "\"process_name\", \"pid\": 77, \"args\": {\"name\": \"python\"}}");
    while (n < n_bytes) {
        for (int i = 0; i < 4; i++, id++) {
            /* Every other operator stands after its kernel. */
            if (id % 2 == 0) n += op(f, id, ts);
            n += runtime(f, id, ts) + kernel(f, id, ts);
            if (id % 2 == 1) n += op(f, id, ts);
            ts += 120.0;
        }
        n += rest(f, ts);
        steps++;
    }
    (void)fprintf(f, "\n  ],\n  \"traceName\": \"t.json\"\n}\n");
    return steps;
}
