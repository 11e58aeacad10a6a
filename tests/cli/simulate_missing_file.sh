$STEPCAST simulate no/such.yaml
