# A GPU that the catalogue lacks: its row, as far as the tools tell; completed, it is known.
cd $T
printf '<nvidia_smi_log><attached_gpus>2</attached_gpus>' >smi.xml
for i in 0 1; do printf '<gpu id="%d"><product_name>NVIDIA H100 CNX</product_name><fb_memory_usage><total>95830 MiB</total></fb_memory_usage></gpu>' $i; done >>smi.xml
printf '</nvidia_smi_log>\n' >>smi.xml
$STEPCAST describe smi.xml
echo ----
$STEPCAST describe smi.xml --node our-node | tee mine.yaml
echo ----
$STEPCAST describe smi.xml --catalogue mine.yaml
