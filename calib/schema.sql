-- schema.sql - the calibration store, version 1 (PRAGMA user_version).
--
-- Measurements and anchors are facts: they are added and never changed. What a
-- person wants forgotten is listed in `retracted`, and leaves fits and exports
-- but not the record. Every fact names its file, line, date and tool; every fit
-- names the measurements it used and those it was scored on.
--
-- UNITS. SI: seconds, bytes, bytes per second; `unit` says which.

CREATE TABLE machine (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL, -- the owner's word for it; '' when the file does not say
    gpu    TEXT NOT NULL, -- as in the catalogue where it is known there
    driver TEXT NOT NULL,
    clocks TEXT NOT NULL,
    UNIQUE (name, gpu, driver, clocks)
) STRICT;

CREATE TABLE file (
    id    INTEGER PRIMARY KEY,
    path  TEXT NOT NULL,    -- as given when it was first imported
    hash  INTEGER NOT NULL, -- FNV-1a of its bytes
    bytes INTEGER NOT NULL,
    kind  TEXT NOT NULL,    -- csv, nccl-tests, kineto, nsys, log
    tool  TEXT NOT NULL,    -- program and version that imported it
    date  TEXT NOT NULL,    -- of the import, UTC
    UNIQUE (hash, bytes)
) STRICT;

-- One row when the file was read to its end; none: the import was cut short.
CREATE TABLE imported (
    file_id INTEGER PRIMARY KEY REFERENCES file (id),
    n_rows  INTEGER NOT NULL
) STRICT;

CREATE TABLE measurement (
    id         INTEGER PRIMARY KEY,
    hash       INTEGER NOT NULL UNIQUE, -- of all that the fact says
    file_id    INTEGER NOT NULL REFERENCES file (id),
    line       INTEGER NOT NULL,        -- in the file; 0: no lines (traces)
    machine_id INTEGER NOT NULL REFERENCES machine (id),
    form       TEXT NOT NULL,           -- gemm, collectives, ...: calib/forms.def
    shape      TEXT NOT NULL,           -- the question: m=4096;n=4096;k=4096
    value      REAL NOT NULL CHECK (value > 0),
    unit       TEXT NOT NULL,           -- s, or what the notes of a rate say
    min        REAL,
    p95        REAL,
    repeats    INTEGER,
    source     TEXT NOT NULL,
    ref        TEXT NOT NULL,
    notes      TEXT NOT NULL,
    extra      TEXT NOT NULL,           -- other columns of the row, as shape
    date       TEXT NOT NULL            -- of the measurement; '' when not said
) STRICT;
CREATE INDEX measurement_form ON measurement (form, machine_id);
CREATE INDEX measurement_file ON measurement (file_id);

CREATE TABLE retracted (
    measurement_id INTEGER PRIMARY KEY REFERENCES measurement (id),
    date           TEXT NOT NULL,
    why            TEXT NOT NULL
) STRICT;

-- Whole training runs, from logs.
CREATE TABLE anchor (
    id          INTEGER PRIMARY KEY,
    hash        INTEGER NOT NULL UNIQUE,
    file_id     INTEGER NOT NULL REFERENCES file (id),
    framework   TEXT NOT NULL,
    n_steps     INTEGER NOT NULL CHECK (n_steps > 0), -- behind the median
    step_s      REAL, -- medians; NULL: not printed
    lo_s        REAL, -- 10 % and 90 % quantiles
    hi_s        REAL,
    tokens_per_s_per_gpu REAL,
    samples_per_s        REAL,
    global_batch         INTEGER,
    allocated_bytes      REAL,
    reserved_bytes       REAL
) STRICT;

CREATE TABLE fit (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL, -- collectives, compute
    program TEXT NOT NULL,
    date    TEXT NOT NULL,
    text    TEXT NOT NULL  -- the parameters, as in calib/data
) STRICT;

CREATE TABLE fit_measurement (
    fit_id         INTEGER NOT NULL REFERENCES fit (id),
    measurement_id INTEGER NOT NULL REFERENCES measurement (id),
    role           TEXT NOT NULL CHECK (role IN ('used', 'scored')),
    PRIMARY KEY (fit_id, measurement_id, role)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER measurement_is_a_fact BEFORE UPDATE ON measurement
BEGIN SELECT RAISE(ABORT, 'measurements are never changed'); END;
CREATE TRIGGER measurement_stays BEFORE DELETE ON measurement
BEGIN SELECT RAISE(ABORT, 'measurements are never deleted; forget retracts them'); END;
