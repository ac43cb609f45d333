from tiny_runs import *
pytestmark = MARKS
import time
@pytest.mark.parametrize("workers", [0, 2])
def test_resume(workers, train, shards):
    t=time.process_time(); w=time.time()
    more = ["--data.workers", str(workers), "--data.batch_size", "5", "--probe.labels", "{touch_movable: binary}", "--data.val", str(shards), "--trainer.val_check_interval", "3"]
    train("whole", *more)
    print(time.process_time()-t, time.time()-w)
    train("split", *more, "--trainer.max_steps", "4")
    print(time.process_time()-t, time.time()-w)
    train("split", *more, "--resume", "true")
    print(time.process_time()-t, time.time()-w)
    assert losses("split")==losses("whole")
    a,b=checkpoint("whole"),checkpoint("split")
    print(a.keys(), a["callbacks"].keys(), losses("whole").keys(), a["SceneDataModule"])
    print(differences(a,b))
