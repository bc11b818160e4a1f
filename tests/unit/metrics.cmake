# What is counted and how it is shown; the lists of the table against the modules that the names come from.
vw_test(metrics ipamd_metrics Threads::Threads)
vw_test(metrics_names test_reconcile_fixture)
